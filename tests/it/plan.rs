//! `lenslet plan`.

use crate::support::lenslet;

fn plan(arguments: &[&str]) -> String {
    let output = lenslet().arg("plan").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
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
fn a_bitrate_that_is_none_is_refused() {
    for wrong in ["4MB", "0", "fast"] {
        let output = lenslet().args(["plan", "--readers", "1", "--bitrate", wrong]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("bits a second"), "{said}");
    }
}
