//! `lenslet plan`.

use crate::support::lenslet;

/// What is said; the exit status says whether it fits.
fn plan(arguments: &[&str]) -> String {
    let output = lenslet().arg("plan").args(arguments).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let fits = said.contains("One board carries");
    assert_eq!(output.status.success(), fits, "{said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn a_plan_says_whether_it_fits_and_what_to_do_else() {
    let said = plan(&["--bitrate", "4M", "--readers", "10"]);
    assert!(said.contains("One board carries 10 readers.") && said.contains("(estimated)"), "{said}");
    let said = plan(&["--bitrate", "4M", "--readers", "50"]);
    for part in ["The link does not carry 50 readers", "lower the bitrate", "relay", "docs/capacity.md"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = plan(&["--bitrate", "4M", "--readers", "200", "--link", "10G", "--board", "arm11"]);
    assert!(said.contains("The CPU does not carry 200 readers"), "{said}");
}

#[test]
fn scripts_are_told_the_same() {
    let told: serde_json::Value = serde_json::from_str(&plan(&[
        "--bitrate",
        "500k",
        "--readers",
        "50",
        "--transport",
        "udp",
        "--json",
    ]))
    .unwrap();
    assert_eq!(
        (&told["fits"], &told["estimated"], &told["board"]),
        (&true.into(), &true.into(), &"a72".into())
    );
    assert_eq!((&told["bitrate"], &told["transport"]), (&500_000.0.into(), &"udp".into()));
    assert!(told["link_readers"].as_u64().unwrap() > 50, "{told}");
    assert_eq!(told["boards"].as_array().unwrap().len(), 5, "{told}");
}

#[test]
fn what_a_plan_advises_is_a_plan_that_fits() {
    let mut advised = 0;
    for (bitrate, readers, link, board) in [
        ("4M", "50", "100M", "a72"),
        ("1.5M", "50", "100M", "a72"),
        ("2M", "38", "100M", "a72"),
        ("8M", "19", "100M", "a72"),
        ("8M", "33", "54M", "a53"),
        ("1M", "77", "100M", "a53"),
        ("6M", "150", "1G", "arm11"),
        ("20M", "400", "10G", "a53"),
        ("700k", "120", "100M", "arm11"),
    ] {
        let rest = ["--readers", readers, "--link", link, "--board", board];
        let said = plan(&[&["--bitrate", bitrate], &rest[..]].concat());
        let Some(at) = said.lines().find_map(|line| line.strip_prefix("At ")) else { continue };
        let (number, unit) = at.split_once("bit/s ").unwrap().0.split_once(' ').unwrap();
        let lower = plan(&[&["--bitrate", &format!("{number}{unit}")], &rest[..]].concat());
        assert!(lower.contains(&format!("One board carries {readers} readers.")), "{said}{lower}");
        advised += 1;
    }
    assert!(advised >= 7, "{advised}");
}

#[test]
fn more_viewers_than_the_configuration_lets_in_need_a_line_of_it() {
    let of = |readers| ["--bitrate", "500k", "--link", "10G", "--board", "x86", "--readers", readers];
    let said = plan(&of("3000"));
    assert!(said.contains("One board carries 3000 readers."), "{said}");
    for part in ["`max_sessions` (1000", "`max_connections` (1024"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!plan(&of("1000")).contains("max_"));
}

#[test]
fn small_rates_are_told_in_kilobits() {
    let said = plan(&["--bitrate", "2k", "--fps", "1", "--readers", "1", "--link", "1T"]);
    assert!(said.contains("1 reader of 2 kbit/s by TCP, "), "{said}");
    let said = plan(&["--bitrate", "64k", "--fps", "5", "--readers", "1", "--link", "256k"]);
    assert!(said.contains(" of 256 kbit/s, "), "{said}");
}

#[test]
fn a_bitrate_that_is_none_is_refused() {
    for wrong in ["4MB", "0", "fast", "2T", "999"] {
        let output = lenslet().args(["plan", "--readers", "1", "--bitrate", wrong]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains("bits a second from 1k to 1T are needed"),
            "{said}"
        );
    }
}
