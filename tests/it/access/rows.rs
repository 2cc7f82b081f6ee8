//! What went wrong in other servers, class by class, and the test that shows that it does not here.

use std::collections::BTreeMap;

/// Each class, and why it has no test where it has none.
const ROWS: [(&str, &str, Option<&str>); 25] = [
    ("s1", "a session's name is replayed on a second connection (CVE-2026-41470)", None),
    ("s2", "thousands of SETUPs of one track (CVE-2021-38380)", None),
    ("s3", "two SETUPs of one track in succession (CVE-2021-38381, -38382)", None),
    ("s4", "use after TEARDOWN, and names of sessions that collide (CVE-2019-7314, -15232)", None),
    ("s5", "both halves of a tunnel on one connection (CVE-2019-6256)", Some("there are no tunnels yet")),
    ("s6", "Content-Length unchecked (CVE-2019-7733)", None),
    ("s7", "many fields of one name in Authorization (CVE-2019-7732)", None),
    ("s8", "port 0, and a NUL in CSeq", None),
    ("s9", "overflows of parsers (CVE-2018-4013 and others)", None),
    ("s10", "odd values of Authorization (CVE-2020-6095)", None),
    ("s11", "a hostile server of our client (CVE-2019-9928)", None),
    ("s12", "SET_PARAMETER without Content-Type", None),
    ("s13", "names of sessions that follow each other", None),
    ("s14", "sessions told apart by their address alone", None),
    ("s15", "RTCP read past its end", None),
    ("s16", "BYE from anybody", None),
    ("s17", "one reader pauses and all stop", None),
    ("s18", "Authorization in the log", None),
    ("s19", "credentials sent where a server's SDP points", None),
    ("s20", "overflows before anybody signed in (CVE-2014-4878 to -4880)", None),
    ("s21", "programs started by the configuration", None),
    ("s22", "a password that is not asked for somewhere", None),
    ("s23", "memory that a DESCRIBE in vain leaves behind", None),
    ("s24", "a delay for one that everybody waits for", None),
    ("s25", "a slow reader that locks the others", None),
];

#[test]
fn every_class_of_attack_has_a_test_of_its_name() {
    let file = syn::parse_file(include_str!("attacks.rs")).unwrap();
    let mut tests: BTreeMap<String, usize> = BTreeMap::new();
    for item in &file.items {
        let syn::Item::Fn(function) = item else { continue };
        let ignored = function.attrs.iter().any(|attribute| attribute.path().is_ident("ignore"));
        if function.attrs.iter().any(|attribute| attribute.path().is_ident("test")) && !ignored {
            let name = function.sig.ident.to_string();
            *tests.entry(name.split('_').next().unwrap().to_owned()).or_default() += 1;
        }
    }
    for (number, (row, what, left_out)) in ROWS.iter().enumerate() {
        assert_eq!(*row, format!("s{}", number + 1));
        assert_eq!(tests.remove(*row).is_some(), left_out.is_none(), "{row}: {what}");
    }
    assert!(tests.is_empty(), "of no row: {tests:?}");
}
