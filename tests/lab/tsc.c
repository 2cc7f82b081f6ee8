/* Prints how many thousand ticks a second this processor's time stamp counter makes. An emulated machine has the same counter, and
 * measures it wrongly by half where the emulator has to wait for a processor meanwhile: its clock is fast then. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

static double read_both(unsigned long long *ticks)
{
	struct timespec at;
	unsigned long long before, after, least = ~0ull;
	double seconds = 0;
	/* Nobody came between the two of the narrowest. */
	for (int i = 0; i < 1000; i++) {
		before = __rdtsc();
		clock_gettime(CLOCK_MONOTONIC_RAW, &at);
		after = __rdtsc();
		if (after - before >= least) continue;
		least = after - before;
		*ticks = before + least / 2;
		seconds = at.tv_sec + at.tv_nsec / 1e9;
	}
	return seconds;
}

int main(void)
{
	unsigned long long first, last;
	double began = read_both(&first), ended;
	usleep(300000);
	ended = read_both(&last);
	printf("%.0f\n", (last - first) / (ended - began) / 1000);
	return 0;
}
