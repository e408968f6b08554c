//! Frames that a server runs in one go.
//!
//! A frame of its own costs the server some eight processes: a session, a shell, a timer, the answer. Probes are
//! many and small, so a bunch of them shares these and costs each a fork.

use super::account::Place;
use super::frame::{Frame, Work};
use super::shell::{Request, Shell};
use super::text;
use std::time::Duration;

/// Most probes that a server runs in one go.
const PROBES_MAX: usize = 64;
/// Bytes that a mark takes at most: a limit of output below it would cut our own words.
const MARK_ROOM: usize = 256;
/// A frame, the shell that it goes to, and the account that this shell takes on for it.
pub(super) type Placed = (Place, String, Frame);

/// Cuts frames into bunches that the server runs in one go: probes of the shell's own account that have the
/// same limits, and every other frame alone.
pub(super) fn bunches(frames: &[Placed]) -> impl Iterator<Item = &[Placed]> {
    let probe = |(_, account, frame): &Placed| {
        let plain = account.is_empty() && !frame.after_success && frame.output_limit >= MARK_ROOM;
        (plain && matches!(frame.work, Work::Ask(_))).then_some((frame.timeout, frame.output_limit))
    };
    frames
        .chunk_by(move |one, next| probe(one).is_some() && probe(one) == probe(next))
        .flat_map(|bunch| bunch.chunks(PROBES_MAX))
}

/// The requests of one bunch; the first one's text asks for all of them. An answer may take `grace` beyond its
/// own time.
pub(super) fn requests(shell: &mut Shell, bunch: &[Placed], grace: Duration) -> Vec<Request> {
    let numbers: Vec<u64> = bunch.iter().map(|_| shell.number()).collect();
    let (Some(first), Some((_, account, frame))) = (numbers.first(), bunch.first()) else {
        return Vec::new();
    };
    let scripts = bunch.iter().filter_map(|(_, _, frame)| match &frame.work {
        Work::Ask(script) => Some(script),
        _ => None,
    });
    let (mut text, mut patience) = match bunch {
        [_] => (text::frame(*first, frame, account), frame.timeout),
        // Each of them has its time, and the answers come together.
        _ => {
            let text = text::probes(*first, frame.timeout, frame.output_limit, scripts);
            (text, frame.timeout.saturating_mul(u32::try_from(bunch.len()).unwrap_or(u32::MAX)))
        }
    };
    let mut requests = Vec::new();
    for number in numbers {
        // The time starts when the answer before it has come.
        let patience = std::mem::take(&mut patience).saturating_add(grace);
        requests.push(Request {
            number,
            text: std::mem::take(&mut text),
            patience,
            limit: frame.output_limit,
        });
    }
    requests
}
