//! Reports from receivers that send anything.

use lenslet::rtcp::{Message, Report, bye, parse, sender_report};

use super::input::Input;

fn read(bytes: &[u8]) -> (Vec<Message>, bool) {
    let mut all = Vec::new();
    let whole = parse(bytes, |feedback| all.push(feedback)).is_ok();
    (all, whole)
}

/// Every truncation says the beginning of the whole; ours behind it is read where the whole was.
pub(crate) fn rtcp(data: &[u8]) {
    let (all, whole) = read(data);
    assert!(all.len() <= data.len(), "nothing is said in no bytes");
    for feedback in &all {
        if let Message::Reception(reception) = feedback {
            let _ = reception.round_trip(u64::from(Input(data).long()) << 32);
            assert!((-(1 << 23)..1 << 23).contains(&reception.lost), "24 bits");
        }
    }
    let mut input = Input(data);
    let report = Report {
        ssrc: input.long(),
        ntp: u64::from(input.long()) << 32 | u64::from(input.long()),
        rtp: input.long(),
        packets: input.long(),
        octets: input.long(),
    };
    assert_eq!(read(&sender_report(&report, "lenslet")), (vec![Message::SenderReport(report)], true));
    let goodbye = bye(&report, "lenslet");
    let said = vec![Message::SenderReport(report), Message::Bye { ssrc: report.ssrc }];
    assert_eq!(read(&goodbye), (said.clone(), true));
    if whole {
        let (both, whole) = read(&[data, &goodbye].concat());
        // Only a compound's last packet may be padded (RFC 3550 section 6.4.1).
        if whole {
            assert_eq!(both, [all, said].concat());
        }
    }
}
