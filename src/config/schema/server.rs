//! The settings of the server as a whole.

use super::Default::{Words, Written};
use super::Field;
use super::Shape::{Choice, Integer, List, Map, Mount, Pair, Structure, Text};

pub(super) static FIELDS: &[Field] = &[
    Field::new(
        "schema",
        Integer(1, 1),
        Written("1"),
        "1",
        "The version of this file's settings; a later program translates what an earlier one was written for.",
    ),
    Field::new(
        "listen",
        List(&Text),
        Written("[\"[::]:8554\"]"),
        "[\"0.0.0.0:8554\"]",
        "Where RTSP is listened for: address and port each, IPv6 in brackets; `[::]` is every address, of IPv4 too, `eth0:8554` each address of an interface.",
    ),
    Field::new(
        "udp_ports",
        Pair(&Integer(0, 65_535)),
        Written("(8000, 9999)"),
        "(8000, 8999)",
        "From and to which port RTP and RTCP go by UDP, in pairs of an even and the next odd one; from 0 on the system chooses.",
    ),
    Field::new(
        "advertise",
        Text,
        Words("the address that is listened on"),
        "\"home.example:554\"",
        "The host, or host and port, by which clients reach this machine: behind port forwarding.",
    ),
    Field::new(
        "max_packet",
        Integer(576, 9000),
        Written("1420"),
        "1400",
        "IP packets are at most this long; less where a tunnel on the way takes less.",
    )
    .in_unit("bytes"),
    Field::new(
        "dscp",
        Integer(0, 63),
        Written("0"),
        "34",
        "How packets are marked for the queues of switches and routers (DSCP): 34 is AF41, for video; 46 is EF; 0 is as everything else.",
    ),
    Field::new(
        "pacing",
        Choice(super::mounts::PACING),
        Written("Auto"),
        "On",
        "Whether keyframes are spread over time to viewers by UDP: Auto does so where this machine's link needs it.",
    ),
    Field::new(
        "session_timeout",
        Integer(1, 3600),
        Written("60"),
        "30",
        "After which time a session that says nothing ends; below 10 many players come too late with their keep-alives.",
    )
    .in_unit("s"),
    Field::new(
        "workers",
        Integer(1, 64),
        Written("1"),
        "2",
        "Threads that readers are spread over; more only where one core is full.",
    ),
    Field::new("max_connections", Integer(1, 65_535), Written("1024"), "200", "Connections at once; one without a user or a session makes way for who comes."),
    Field::new("max_sessions", Integer(1, 65_535), Written("1000"), "100", "Sessions at once."),
    Field::new(
        "max_per_address",
        Integer(1, 65_535),
        Written("128"),
        "16",
        "Connections, and sessions, of one address at once; this machine's own are not counted.",
    ),
    Field::new(
        "state_dir",
        Text,
        Words("/var/lib/lenslet for root and services, else ~/.local/state/lenslet"),
        "\"/data/lenslet\"",
        "The folder in which versions of this file and what is kept across starts are; true from the next start on.",
    ),
    Field::new(
        "control_socket",
        Text,
        Words("/run/lenslet/control.sock for the system, else under $XDG_RUNTIME_DIR"),
        "\"/run/lenslet/control.sock\"",
        "Where the daemon can be seen and steered; true from the next start on.",
    ),
    Field::new(
        "access",
        Structure("access", super::access::FIELDS),
        Written("()"),
        "(allow: [\"192.168.1.0/24\"])",
        "Who may watch, and from where.",
    ),
    Field::new(
        "mounts",
        Map(&Mount),
        Words("the test picture at /test, and every camera found at /camera0, /camera1, ..."),
        "{\"test\": Pattern()}",
        "What is served, by its path.",
    ),
    Field::new(
        "aliases",
        Map(&Text),
        Written("{}"),
        "{\"/Streaming/Channels/101\": \"test\"}",
        "Other paths of mounts, as recorders and apps have them built in; with a query, it has to be asked for.",
    ),
];
