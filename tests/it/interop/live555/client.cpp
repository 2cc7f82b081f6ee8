// A client on live555's library, which it calls in the order in which VLC does.
//
// client --version: the library's.
// client URL udp|tcp PICTURES [FRAMES]: prints a line a NAL unit, JPEG or AAC frame - `video SECONDS HEX`,
// `audio SECONDS HEX` - from when the sender's clock is known of all tracks, and what was lost.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "BasicUsageEnvironment.hh"
#include "liveMedia.hh"

static UsageEnvironment* environment;
static RTSPClient* client;
static MediaSession* session;
static std::vector<MediaSubsession*> tracks;
static size_t set_up;
static bool over_tcp;
// Pictures, frames of sound.
static long wanted[2];
static char done;

[[noreturn]] static void fail(char const* what, char const* why) {
  fprintf(stderr, "%s: %s\n", what, why ? why : "no reason");
  exit(1);
}

static char* expect(char const* what, int result, char* text) {
  if (result != 0) fail(what, text);
  return text;
}

static long long microseconds(timeval time) { return time.tv_sec * 1000000LL + time.tv_usec; }

static bool is_video(MediaSubsession* track) { return strcmp(track->mediumName(), "video") == 0; }

static bool synchronized() {
  for (auto track : tracks)
    if (!track->rtpSource()->hasBeenSynchronizedUsingRTCP()) return false;
  return true;
}

static void teardown() {
  static bool begun;
  if (begun) return;
  begun = true;
  for (auto track : tracks) {
    RTPReceptionStatsDB::Iterator each(track->rtpSource()->receptionStatsDB());
    while (auto statistics = each.next(True)) {
      int lost = int(statistics->totNumPacketsExpected()) - int(statistics->totNumPacketsReceived());
      if (lost > 0) fprintf(stderr, "%s: %d packets lost\n", track->mediumName(), lost);
    }
  }
  client->sendTeardownCommand(*session, [](RTSPClient*, int result, char* text) {
    expect("TEARDOWN", result, text);
    done = 1;
  });
}

// Prints what a track brings, and counts its access units.
class Printer : public MediaSink {
public:
  Printer(MediaSubsession* track, long wanted) : MediaSink(*environment), track(track), left(wanted) {}

  MediaSubsession* const track;
  static std::vector<Printer*> all;

private:
  Boolean continuePlaying() override {
    fSource->getNextFrame(
        buffer.get(), SIZE,
        [](void* self, unsigned size, unsigned truncated, timeval time, unsigned) {
          static_cast<Printer*>(self)->print(size, truncated, time);
        },
        this, onSourceClosure, this);
    return True;
  }

  void print(unsigned size, unsigned truncated, timeval time) {
    if (truncated > 0) fprintf(stderr, "%s: %u octets cut off\n", track->mediumName(), truncated);
    if (!done && synchronized()) {
      // A sender report in the middle of an access unit shifts its times by a rounding.
      bool next = std::llabs(microseconds(time) - microseconds(last)) >= 1000;
      // The access unit before this one is complete.
      if (next && left-- == 0) {
        bool all_done = true;
        for (auto printer : all) all_done &= printer->left < 0;
        if (all_done) return teardown();
      }
      last = time;
      if (left >= 0) {
        printf("%s %ld.%06ld ", track->mediumName(), long(time.tv_sec), long(time.tv_usec));
        for (unsigned at = 0; at < size; ++at) printf("%02x", buffer[at]);
        putchar('\n');
      }
    }
    continuePlaying();
  }

  static constexpr unsigned SIZE = 1 << 21;
  long left;
  timeval last{};
  std::unique_ptr<unsigned char[]> buffer{new unsigned char[SIZE]};
};

std::vector<Printer*> Printer::all;

static void play() {
  for (auto printer : Printer::all) printer->startPlaying(*printer->track->readSource(), nullptr, nullptr);
  client->sendPlayCommand(
      *session, [](RTSPClient*, int result, char* text) { delete[] expect("PLAY", result, text); }, 0.0, -1.0,
      1.0);
}

static void set_up_next(RTSPClient*, int result, char* text) {
  delete[] expect("SETUP", result, text);
  if (set_up == tracks.size()) return play();
  auto track = tracks[set_up++];
  if (!track->initiate()) fail("initiate", environment->getResultMsg());
  auto printer = new Printer(track, wanted[is_video(track) ? 0 : 1]);
  Printer::all.push_back(printer);
  client->sendSetupCommand(*track, set_up_next, False, over_tcp);
}

static void describe(RTSPClient*, int result, char* sdp) {
  session = MediaSession::createNew(*environment, expect("DESCRIBE", result, sdp));
  delete[] sdp;
  MediaSubsessionIterator each(*session);
  while (auto track = each.next()) tracks.push_back(track);
  set_up_next(client, 0, nullptr);
}

int main(int count, char** arguments) {
  if (count == 2 && strcmp(arguments[1], "--version") == 0) return puts(LIVEMEDIA_LIBRARY_VERSION_STRING) < 0;
  if (count < 4 || count > 5) fail("arguments", "URL udp|tcp PICTURES [FRAMES]");
  environment = BasicUsageEnvironment::createNew(*BasicTaskScheduler::createNew());
  for (int at = 3; at < count; ++at) wanted[at - 3] = atol(arguments[at]);
  over_tcp = strcmp(arguments[2], "tcp") == 0;
  client = RTSPClient::createNew(*environment, arguments[1], 0, "Lenslet's tests");
  client->sendOptionsCommand([](RTSPClient*, int result, char* text) {
    delete[] expect("OPTIONS", result, text);
    client->sendDescribeCommand(describe);
  });
  environment->taskScheduler().doEventLoop(&done);
}
