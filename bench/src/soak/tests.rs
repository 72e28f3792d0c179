//! The judge is shown every kind of lie, and every deed is shown a server that tells the truth.

use bytes::Bytes;

use super::deeds::{DEEDS, choose};
use super::judge::{Fault, Heard, Judge, Rows, Want};
use super::report::Kind;
use super::speaker::{Speaker, Way};
use crate::ground::Notes;
use crate::wire::{Frame, WireError};

/// A speaker of tenant 7 with dice of this seed.
pub(super) fn speaker(seed: u64) -> Speaker {
    let rng = fastrand::Rng::with_seed(seed);
    Speaker { rng, tenant: 7, asks_for: 7, way: Way::Login, zone: "UTC", prepared: Default::default() }
}

fn frame(tag: u8, body: impl Into<Bytes>) -> Frame {
    Frame { tag, body: body.into() }
}

fn row(columns: &[&str]) -> Frame {
    let mut body = u16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
    for column in columns {
        body.extend(u32::try_from(column.len()).unwrap().to_be_bytes());
        body.extend(column.as_bytes());
    }
    frame(b'D', body)
}

fn error(severity: &str, code: &str) -> Frame {
    frame(b'E', format!("S{severity}\0V{severity}\0C{code}\0Mwords\0\0"))
}

fn text(rows: &Rows) -> String {
    rows.filler.map_or_else(|| format!("note 1 of tenant {}", rows.tenant), |length| "x".repeat(length))
}

/// What an honest server sends for these wishes.
fn honest(wants: &[Want]) -> Vec<Frame> {
    let (mut frames, mut skipping) = (Vec::new(), false);
    for want in wants {
        if skipping && !matches!(want, Want::Ready(_)) {
            continue;
        }
        skipping = false;
        let plain = |tag| vec![frame(tag, "")];
        frames.extend(match want {
            Want::Parsed => plain(b'1'),
            Want::Bound => plain(b'2'),
            Want::Closed => plain(b'3'),
            Want::Parameters => plain(b't'),
            Want::Columns => plain(b'T'),
            Want::Suspended => plain(b's'),
            Want::Empty => plain(b'I'),
            Want::Value(value) => vec![row(&[value])],
            Want::Done(tag) => vec![frame(b'C', format!("{tag}\0"))],
            Want::Ready(status) => vec![frame(b'Z', vec![*status])],
            Want::Rows(r) => {
                vec![row(&[&r.tenant.to_string(), &r.token.to_string(), &text(r)]); r.count as usize]
            }
            Want::CopyOut(r) => {
                let line = frame(b'd', format!("{}\t{}\t{}\n", r.tenant, r.token, text(r)));
                [plain(b'H'), vec![line; r.count as usize], plain(b'c')].concat()
            }
            Want::Error(code) => {
                skipping = true;
                vec![error("ERROR", code)]
            }
        });
    }
    frames
}

fn judged(wants: &[Want], tolerated: Option<&'static str>, frames: &[Frame]) -> Result<Heard, Fault> {
    let mut judge = Judge::new(wants, tolerated);
    let mut heard = Heard::More;
    for frame in frames {
        heard = judge.hear(frame)?;
    }
    Ok(heard)
}

fn selected() -> Vec<Want> {
    let rows = Rows { tenant: 7, token: 5, count: 2, filler: None };
    vec![Want::Columns, Want::Rows(rows), Want::Done("SELECT 2"), Want::Ready(b'I')]
}

/// The honest answer with one message replaced by others.
fn with(at: usize, others: &[Frame]) -> Result<Heard, Fault> {
    let mut frames = honest(&selected());
    frames.splice(at..=at, others.iter().cloned());
    judged(&selected(), None, &frames)
}

#[test]
fn every_deed_is_content_with_an_honest_server() {
    for way in [Way::Session, Way::KeyRange, Way::Transaction(Notes::ByHand), Way::Login] {
        let mut speaker = Speaker { way, ..speaker(1) };
        let mut done = std::collections::BTreeSet::new();
        for _ in 0..2_000 {
            let (name, unit) = choose(&mut speaker, true, &[]);
            done.insert(name);
            assert!(!unit.is_empty(), "{name}");
            for exchange in unit {
                assert!(!exchange.bytes.is_empty(), "{name}");
                let heard = judged(&exchange.wants, None, &honest(&exchange.wants));
                assert!(matches!(heard, Ok(Heard::All)), "{name}: {heard:?} for {:?}", exchange.wants);
            }
        }
        let all = if matches!(way, Way::Transaction(_)) { 1 } else { DEEDS.len() };
        assert_eq!(done.len(), all, "{way:?} did {done:?}");
    }
}

#[test]
fn the_same_seed_says_the_same() {
    let said = |seed| {
        let mut speaker = speaker(seed);
        (0..100).flat_map(|_| choose(&mut speaker, true, &[]).1).map(|e| e.bytes).collect::<Vec<_>>()
    };
    assert_eq!(said(3), said(3));
    assert_ne!(said(3), said(4));
}

#[test]
fn a_row_of_another_tenant_is_found_wherever_it_stands() {
    for at in [1, 2] {
        let fault = with(at, &[row(&["8", "5", "note 1 of tenant 8"])]).unwrap_err();
        assert_eq!(Kind::of(&fault), Some(Kind::ForeignRow), "{fault}");
    }
    let rows = Rows { tenant: 7, token: 5, count: 1, filler: None };
    let copy = [frame(b'H', ""), frame(b'd', "8\t5\tnote 1 of tenant 8\n")];
    let fault = judged(&[Want::CopyOut(rows)], None, &copy).unwrap_err();
    assert_eq!(Kind::of(&fault), Some(Kind::ForeignRow), "{fault}");
}

#[test]
fn an_answer_to_another_question_is_found() {
    let mine = || row(&["7", "5", "note 1 of tenant 7"]);
    let wrong = [
        vec![row(&["7", "6", "note 1 of tenant 7"])],
        vec![row(&["7", "5", "note 1 of tenant 70"])],
        vec![row(&["7", "5"])],
        vec![],
        vec![mine(), mine()],
    ];
    for frames in wrong {
        let fault = with(1, &frames).unwrap_err();
        assert_eq!(Kind::of(&fault), Some(Kind::WrongAnswer), "{fault}");
    }
}

#[test]
fn messages_out_of_place_are_found() {
    let ready = || frame(b'Z', "I");
    let wrong = [
        (0, vec![]),
        (3, vec![frame(b'C', "UPDATE 2\0")]),
        (4, vec![frame(b'Z', "T")]),
        (4, vec![ready(), ready()]),
        (4, vec![frame(b'A', "\0\0\0\x01channel\0\0"), ready()]),
        (0, vec![frame(b'1', ""), frame(b'T', "")]),
    ];
    for (at, frames) in wrong {
        let fault = with(at, &frames).unwrap_err();
        assert_eq!(Kind::of(&fault), Some(Kind::Protocol), "{fault}");
    }
}

#[test]
fn notices_and_parameters_may_come_at_any_time() {
    for at in 0..5 {
        let mut frames = honest(&selected());
        frames.insert(at, frame(b'N', "\0"));
        frames.insert(at, frame(b'S', "TimeZone\0UTC\0"));
        assert!(matches!(judged(&selected(), None, &frames), Ok(Heard::All)));
    }
}

#[test]
fn a_cancel_is_felt_by_nobody_else() {
    let frames = [error("ERROR", "57014"), frame(b'Z', "I")];
    let fault = judged(&selected(), None, &frames).unwrap_err();
    assert_eq!(Kind::of(&fault), Some(Kind::ForeignCancel), "{fault}");
    assert!(matches!(judged(&selected(), Some("57014"), &frames), Ok(Heard::All)));
}

#[test]
fn an_error_is_asked_for_or_a_fault() {
    let wants = [Want::Parsed, Want::Error("22012"), Want::Done("SELECT"), Want::Ready(b'I')];
    assert!(matches!(judged(&wants, None, &honest(&wants)), Ok(Heard::All)));
    let other = [frame(b'1', ""), error("ERROR", "42501")];
    assert_eq!(Kind::of(&judged(&wants, None, &other).unwrap_err()), Some(Kind::UnaskedError));
    // the connection ends with it: nothing that anybody asks for
    let fatal = [frame(b'1', ""), error("FATAL", "22012")];
    assert_eq!(Kind::of(&judged(&wants, None, &fatal).unwrap_err()), Some(Kind::UnaskedError));
}

#[test]
fn a_lost_connection_is_for_the_weather_to_explain() {
    let terminated = judged(&selected(), None, &[error("FATAL", "57P01")]).unwrap_err();
    for fault in [terminated, Fault::Wire(WireError::Closed)] {
        assert_eq!(Kind::of(&fault), None, "{fault}");
    }
}
