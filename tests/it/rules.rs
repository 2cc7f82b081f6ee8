//! Which rule of the protocol is shown by what: by a dialog's header, by a test, or by nothing, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::dialogs::{dialogs, root};

/// Rules that a conversation cannot show, or not wholly, and the tests that do.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "A7",
        "tests/it/bad_input.rs",
        "twenty_requests_in_one_piece_or_a_hundred_are_answered_in_order_each_once",
    ),
    ("A9", "tests/it/protocol.rs", "as_many_headers_as_allowed_and_one_more"),
    ("A11", "tests/it/bad_input.rs", "a_handshake_of_tls_is_closed_within_a_second"),
    ("A18", "tests/it/bad_input.rs", "whatever_is_sent_the_others_go_on_and_nothing_is_left"),
    ("A21", "tests/it/media", "the_reply_to_play_comes_before_the_first_packet"),
    ("A23", "tests/it/sessions.rs", "a_udp_session_outlives_its_connection_until_its_timeout"),
    ("B9", "tests/it/protocol.rs", "one_track_of_two_is_not_played_alone"),
    ("B10", "tests/it/protocol.rs", "one_track_of_two_is_torn_down_and_the_other_plays_on"),
    ("B15", "tests/it/sessions.rs", "a_session_outlives_its_source"),
    ("C3", "tests/it/commands.rs", "thousands_of_failed_describes_leave_nothing_behind"),
    ("C4", "tests/it/sessions.rs", "a_describe_waits_for_a_late_source_and_nobody_else_does"),
    ("C6", "src/hub/mount/tests.rs", "describing_the_same_tracks_again_changes_nothing"),
    ("D6", "src/server/requests.rs", "channels_that_are_taken_are_replaced_by_free_ones"),
    ("D11", "tests/it/protocol.rs", "one_track_of_two_is_torn_down_and_the_other_plays_on"),
    ("D14", "src/rtsp/server/sessions.rs", "an_address_and_the_server_have_only_so_many_sessions"),
    ("D14", "src/server/admission.rs", "an_address_has_only_so_many_connections_and_the_server_too"),
    ("D15", "tests/it/sessions.rs", "a_session_that_never_plays_ends_and_its_ports_are_free"),
    ("E1", "tests/it/media", "rtp_info_names_the_first_packet"),
    ("E5", "tests/it/media", "a_pause_of_ten_seconds_leaves_no_gap_in_numbers_and_goes_on_at_a_keyframe"),
    ("E6", "tests/it/media", "a_pause_of_ten_seconds_leaves_no_gap_in_numbers_and_goes_on_at_a_keyframe"),
    ("E7", "tests/it/media", "the_first_picture_is_a_keyframe_with_its_parameter_sets"),
    ("E8", "tests/it/sessions.rs", "a_file_that_begins_again_goes_on_in_time"),
    ("F2", "tests/it/sessions.rs", "whoever_shows_life_is_kept"),
    ("F2", "tests/it/protocol.rs", "what_refreshes_a_session_and_what_does_not"),
    ("F5", "tests/it/sessions.rs", "a_keep_alive_is_answered_at_once_though_media_is_stuck"),
    ("F6", "tests/it/sessions.rs", "an_interleaved_session_ends_with_its_connection"),
    ("F6", "tests/it/sessions.rs", "a_udp_session_outlives_its_connection_until_its_timeout"),
    ("F7", "tests/it/sessions.rs", "a_session_that_says_nothing_ends_with_a_goodbye"),
    ("F8", "src/rtsp/server/sessions.rs", "a_name_alone_lets_nobody_in"),
    ("F9", "tests/it/sessions.rs", "everybody_is_told_when_the_server_stops"),
    ("G1", "tests/it/two_tracks.rs", "the_numbers_of_a_hundred_mounts_begin_at_random"),
    ("G2", "src/rtp/sender.rs", "packets_are_numbered_stamped_and_only_the_last_is_marked"),
    ("G2", "tests/it/media", "pictures_come_on_the_sources_grid_without_loss"),
    ("G3", "src/media/time.rs", "a_century_of_uptime_does_not_overflow"),
    ("G3", "src/source/grid.rs", "a_day_of_ntsc_pictures_does_not_drift"),
    ("G4", "src/rtp/sender.rs", "packets_are_numbered_stamped_and_only_the_last_is_marked"),
    ("G5", "src/rtp/sender.rs", "packets_are_numbered_stamped_and_only_the_last_is_marked"),
    ("G5", "tests/it/receiving.rs", "a_clip_comes_back_bit_exact_at_every_packet_size"),
    ("G5", "tests/it/two_tracks.rs", "no_datagram_is_longer_than_the_configuration_allows"),
    ("G7", "tests/it/two_tracks.rs", "a_reader_whose_port_is_closed_is_let_go_and_the_others_play_on"),
    ("H1", "tests/it/two_tracks.rs", "both_tracks_reports_are_of_one_clock_and_count_what_was_sent"),
    ("H1", "tests/it/interop", "tshark_finds_nothing_wrong_with_what_ffmpeg_is_sent"),
    ("H2", "tests/it/two_tracks.rs", "both_tracks_reports_are_of_one_clock_and_count_what_was_sent"),
    ("H2", "tests/it/interop", "tshark_finds_nothing_wrong_with_what_ffmpeg_is_sent"),
    ("H3", "tests/it/two_tracks.rs", "both_tracks_reports_are_of_one_clock_and_count_what_was_sent"),
    ("H3", "tests/it/interop", "tshark_finds_nothing_wrong_with_what_ffmpeg_is_sent"),
    ("H4", "tests/it/two_tracks.rs", "both_tracks_reports_are_of_one_clock_and_count_what_was_sent"),
    ("H4", "tests/it/interop", "tshark_finds_nothing_wrong_with_what_ffmpeg_is_sent"),
    ("H5", "src/rtcp/mod.rs", "loss_is_signed_and_keyframe_requests_are_told_apart"),
    ("H5", "src/rtcp/mod.rs", "the_round_trip_is_what_the_receiver_did_not_hold"),
    ("H6", "src/rtp/receiver.rs", "a_report_tells_the_loss_since_the_last_one"),
    ("H6", "src/rtp/receiver.rs", "duplicates_are_dropped_and_make_loss_negative"),
    ("H6", "src/rtp/receiver.rs", "a_sender_that_begins_anew_is_followed_without_loss"),
    ("H6", "src/rtp/jitter.rs", "a_sixteenth_of_each_deviation_counts"),
    ("H6", "src/rtp/sequence.rs", "numbers_go_on_where_16_bits_end"),
    ("H8", "src/rtcp/mod.rs", "no_truncation_and_no_flipped_bit_panics"),
    ("I1", "src/sdp.rs", "a_track_is_described_as_clients_expect"),
    ("I2", "src/rtp/h264/packetizer.rs", "units_of_every_size_come_back_bit_exact"),
    ("I3", "src/rtp/h264/packetizer.rs", "units_of_every_size_come_back_bit_exact"),
    ("I3", "src/rtp/h264/packetizer.rs", "all_fragments_but_the_last_have_one_size"),
    ("I4", "src/rtp/h264/packetizer.rs", "delimiters_filler_and_reserved_types_are_not_sent"),
    ("I5", "src/rtp/h264/packetizer.rs", "delimiters_filler_and_reserved_types_are_not_sent"),
    ("I5", "src/media/h264/nal.rs", "start_codes_of_three_and_four_bytes_and_trailing_zeros_are_taken_off"),
    ("I6", "src/media/h264/assembler.rs", "parameter_sets_stand_before_every_idr_picture_once"),
    ("I6", "tests/it/media", "the_first_picture_is_a_keyframe_with_its_parameter_sets"),
    ("I7", "src/rtp/sender.rs", "packets_are_numbered_stamped_and_only_the_last_is_marked"),
    ("I8", "src/media/h264/assembler.rs", "changed_parameter_sets_are_in_force_at_once"),
    ("I8", "src/hub/mount/tests.rs", "describing_the_same_tracks_again_changes_nothing"),
    ("I9", "tests/it/receiving.rs", "a_clip_comes_back_bit_exact_at_every_packet_size"),
    ("I10", "src/rtp/h264/packetizer.rs", "units_of_every_size_come_back_bit_exact"),
    ("I11", "src/rtp/h264/depacketizer.rs", "nal_units_are_found_in_payloads_of_every_kind"),
    ("I11", "src/rtp/h264/depacketizer.rs", "a_part_of_a_nal_unit_is_damage"),
    ("I11", "src/rtp/h264/depacketizer.rs", "what_means_nothing_is_passed_over"),
    ("I12", "src/rtp/h265/packetizer.rs", "units_of_every_size_come_back_bit_exact"),
    ("I12", "src/rtp/h265/packetizer.rs", "all_fragments_but_the_last_have_one_size"),
    ("I12", "src/sdp.rs", "each_format_is_described_as_clients_expect"),
    ("I12", "tests/it/formats.rs", "h265_with_b_pictures_and_open_groups_is_decoded_bit_exact"),
    ("I13", "src/media/h265/assembler.rs", "parameter_sets_stand_before_every_irap_picture_once"),
    ("I14", "src/sdp.rs", "each_format_is_described_as_clients_expect"),
    ("I14", "src/rtp/jpeg/packetizer.rs", "the_first_piece_has_the_tables_and_each_its_place"),
    ("I14", "src/media/jpeg/image.rs", "what_rtp_cannot_carry_says_why"),
    ("I15", "src/rtp/jpeg/packetizer.rs", "the_first_piece_has_the_tables_and_each_its_place"),
    ("I15", "src/media/jpeg/image.rs", "pictures_of_both_samplings_are_taken_apart"),
    ("I15", "src/media/jpeg/image.rs", "restart_markers_are_counted"),
    ("I16", "src/rtp/jpeg/packetizer.rs", "the_first_piece_has_the_tables_and_each_its_place"),
    ("I16", "src/media/jpeg/image.rs", "two_tables_may_stand_in_one_segment"),
    ("I17", "src/media/jpeg/image.rs", "what_cameras_leave_out_or_put_in_is_no_matter"),
    ("I17", "tests/it/formats.rs", "jpeg_is_decoded_bit_exact"),
    ("I18", "src/media/jpeg/image.rs", "what_cameras_leave_out_or_put_in_is_no_matter"),
    ("I18", "src/media/jpeg/image.rs", "what_rtp_cannot_carry_says_why"),
    ("I19", "src/rtp/jpeg/packetizer.rs", "the_first_piece_has_the_tables_and_each_its_place"),
    ("I19", "tests/it/formats.rs", "jpeg_is_decoded_bit_exact"),
    ("I20", "src/sdp.rs", "each_format_is_described_as_clients_expect"),
    ("I20", "src/rtp/aac/packetizer.rs", "an_access_unit_stands_behind_one_header_of_sixteen_bits"),
    ("I20", "src/rtp/aac/packetizer.rs", "each_piece_says_the_size_of_the_whole"),
    ("I20", "src/media/aac/config.rs", "a_day_of_44_100_hz_is_exact"),
    ("I20", "tests/it/formats.rs", "aac_whole_and_in_pieces_is_decoded_bit_exact"),
    ("J1", "tests/it/two_tracks.rs", "a_pli_or_fir_forces_one_keyframe_and_many_are_one"),
    ("J2", "src/sdp.rs", "a_track_is_described_as_clients_expect"),
];

/// Names of the test functions of a source file or of a folder's files, in whatever modules.
fn tests_of(place: &str) -> BTreeSet<String> {
    struct Tests(BTreeSet<String>);
    impl<'ast> syn::visit::Visit<'ast> for Tests {
        fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
            let is_test = function.attrs.iter().any(|attribute| attribute.path().is_ident("test"));
            let is_ignored = function.attrs.iter().any(|attribute| attribute.path().is_ident("ignore"));
            if is_test && !is_ignored {
                self.0.insert(function.sig.ident.to_string());
            }
        }
    }
    let mut tests = Tests(BTreeSet::new());
    let place = root().join(place);
    let files = match fs::read_dir(&place) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => vec![place],
    };
    for file in files {
        let source = fs::read_to_string(file).unwrap_or_default();
        syn::visit::Visit::visit_file(&mut tests, &syn::parse_file(&source).unwrap());
    }
    tests.0
}

/// Rules that are left out, with the reason: a table of the README.
fn left_out() -> BTreeMap<&'static str, &'static str> {
    let readme = include_str!("../fixtures/dialogs/README.md");
    let table = readme.split_once("## Left out").unwrap().1;
    let rows =
        table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    rows.filter(|(id, _)| id.ends_with(|last: char| last.is_ascii_digit())).collect()
}

#[test]
fn every_rule_is_shown_or_left_out_with_a_reason() {
    let rules: Vec<&str> = include_str!("../fixtures/dialogs/rules.txt")
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for (section, last) in [
        ("A", 27),
        ("B", 15),
        ("C", 20),
        ("D", 17),
        ("E", 8),
        ("F", 9),
        ("G", 7),
        ("H", 9),
        ("I", 23),
        ("J", 3),
    ] {
        for number in 1..=last {
            assert!(rules.contains(&&*format!("{section}{number}")), "rules.txt lacks {section}{number}");
        }
    }
    let mut shown: BTreeSet<String> = BTreeSet::new();
    for dialog in dialogs() {
        assert!(!dialog.shows.is_empty() && !dialog.is_empty(), "{} shows nothing", dialog.name);
        shown.extend(dialog.shows);
    }
    for (id, file, test) in ELSEWHERE {
        assert!(tests_of(file).contains(*test), "{id}: {file} has no test {test}");
        shown.insert((*id).to_owned());
    }
    let left_out = left_out();
    for id in shown.iter().map(String::as_str).chain(left_out.keys().copied()) {
        assert!(rules.contains(&id), "rules.txt knows no {id}");
    }
    let missing: Vec<&&str> =
        rules.iter().filter(|id| !shown.contains(**id) && !left_out.contains_key(**id)).collect();
    assert!(missing.is_empty(), "nothing shows {missing:?}");
    let both: Vec<&&str> = left_out.keys().filter(|id| shown.contains(**id)).collect();
    assert!(both.is_empty(), "shown, yet left out: {both:?}");
    assert!(left_out.values().all(|reason| reason.len() > 20), "a reason is a sentence");
}
