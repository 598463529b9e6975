//! The counts of one option on one day: hits by slot; finals, retries, repeats and time buckets by
//! hour; hits by lateness; and, while recent, finals by slot.
//!
//! Owns their order and their packing: a count above zero is a varint, a run of zeros is a 0
//! followed by the varint of its length. Most options have no hits most of the time, so a day of an
//! option takes 50 to 350 bytes instead of 3,684. The format must not change without a new version
//! of the stored day.

use super::{HOURS, SLOTS};

/// Upper bounds of the time buckets, in seconds from the start of the interaction to the option;
/// each is about one and a half times the previous one. A bucket contains the times up to its bound
/// and above the previous bound.
pub const TIME_BOUNDS: [u32; 10] = [7, 10, 15, 22, 33, 50, 75, 110, 165, 250];
/// Number of time buckets: one for each bound, and one for longer times.
pub const TIME_BUCKETS: usize = TIME_BOUNDS.len() + 1;

/// Upper bounds of the classes of lateness. Lateness is the number of slots from the date of a row
/// to the slot before which everything had been read when the row came.
pub(super) const LATE_BOUNDS: [i64; 8] = [0, 1, 2, 3, 5, 8, 12, 24];
/// Number of classes of lateness: one for each bound, and one for later rows.
pub(super) const LATE_CLASSES: usize = LATE_BOUNDS.len() + 1;
/// The first cell of the counts by lateness. Cells of later versions follow the older ones, so that
/// a day stored without them reads as one without such counts.
pub(super) const LATE: usize = SLOTS + HOURS * (3 + TIME_BUCKETS);
/// The first cell of the journeys that ended at the option, by slot. Only the days within reach of
/// the windows have them; the hours of [`Hourly::Finals`] are kept longer.
pub(super) const FINALS: usize = LATE + LATE_CLASSES;
/// Number of counts of an option and day.
pub(super) const CELLS: usize = FINALS + SLOTS;

/// Counts that are stored by hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hourly {
    /// Journeys that ended at the option.
    Finals,
    /// Rows with more than one attempt.
    Retries,
    /// Rows whose option had been entered before in the same journey.
    Repeats,
    /// Rows whose time to the option is in this bucket.
    Time(usize),
}

impl Hourly {
    /// Returns the first of its 24 cells.
    pub(super) fn first(self) -> usize {
        let kind = match self {
            Self::Finals => 0,
            Self::Retries => 1,
            Self::Repeats => 2,
            Self::Time(bucket) => 3 + bucket.min(TIME_BUCKETS - 1),
        };
        SLOTS + kind * HOURS
    }

    /// Returns the bucket of a time in seconds.
    pub(super) fn time(seconds: u32) -> Self {
        Self::Time(TIME_BOUNDS.partition_point(|bound| *bound < seconds))
    }
}

/// All counts of an option and day, unpacked.
pub(super) type Counts = [u32; CELLS];

pub(super) fn pack(counts: &Counts) -> Box<[u8]> {
    let mut packed = Vec::with_capacity(CELLS / 2);
    let mut zeros = 0;
    for count in counts {
        if *count == 0 {
            zeros += 1;
            continue;
        }
        flush(&mut packed, &mut zeros);
        varint(&mut packed, *count);
    }
    // Trailing zeros need no bytes.
    packed.into_boxed_slice()
}

fn flush(packed: &mut Vec<u8>, zeros: &mut u32) {
    if *zeros > 0 {
        packed.push(0);
        varint(packed, *zeros);
        *zeros = 0;
    }
}

fn varint(packed: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        packed.push(value as u8 | 0x80);
        value >>= 7;
    }
    packed.push(value as u8);
}

/// Adds the packed counts to `counts`, from the first cell up to the length of `counts`.
///
/// # Errors
///
/// If the bytes are no packed counts; some counts may have been added by then.
pub(super) fn add_to(counts: &mut [u32], packed: &[u8]) -> Result<(), Malformed> {
    let mut at = 0;
    let mut bytes = packed.iter();
    while at < counts.len() {
        let Some(first) = bytes.next() else { return Ok(()) };
        if *first == 0 {
            let zeros = rest(&mut bytes, 0, 0)?;
            at = at.checked_add(zeros as usize).filter(|at| *at < CELLS).ok_or(Malformed)?;
            continue;
        }
        let count =
            if *first < 0x80 { u32::from(*first) } else { rest(&mut bytes, *first & 0x7f, 7)? };
        counts[at] = counts[at].saturating_add(count);
        at += 1;
    }
    Ok(())
}

/// Reads the rest of a varint. Its lowest `shift` bits, `low`, are known.
fn rest(bytes: &mut std::slice::Iter<'_, u8>, low: u8, mut shift: u32) -> Result<u32, Malformed> {
    let mut value = u32::from(low);
    loop {
        let byte = *bytes.next().ok_or(Malformed)?;
        if shift > 28 || (shift == 28 && byte > 0x0f) {
            return Err(Malformed);
        }
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
        shift += 7;
    }
}

/// Checks that the bytes are packed counts, with nothing after the last cell.
pub(super) fn check(packed: &[u8]) -> Result<(), Malformed> {
    let mut counts = [0; CELLS];
    add_to(&mut counts, packed)?;
    // Each day has exactly one packed form, the one that `pack` makes.
    if *pack(&counts) == *packed { Ok(()) } else { Err(Malformed) }
}

/// The error for bytes that are no packed counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_in_the_bucket_of_the_next_bound() {
        let bucket = |seconds| match Hourly::time(seconds) {
            Hourly::Time(bucket) => bucket,
            other => panic!("{other:?}"),
        };
        for (seconds, expected) in [(0, 0), (7, 0), (8, 1), (250, 9), (251, 10), (u32::MAX, 10)] {
            assert_eq!(bucket(seconds), expected, "{seconds}");
        }
        assert_eq!(Hourly::Time(TIME_BUCKETS - 1).first() + HOURS, LATE);
    }

    #[test]
    fn a_busy_day_takes_a_byte_a_count_and_a_quiet_one_next_to_nothing() {
        assert_eq!(pack(&[0; CELLS]).len(), 0);
        assert_eq!(pack(&[5; CELLS]).len(), CELLS);
        let mut one = [0; CELLS];
        one[200] = 3;
        assert_eq!(&*pack(&one), &[0, 200, 1, 3]);
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(values in prop::collection::vec((0..CELLS, 0..3_000_000_000_u32), 0..300)) {
            let mut counts = [0; CELLS];
            values.iter().for_each(|(at, value)| counts[*at] = *value);
            let packed = pack(&counts);
            let mut back = [0; CELLS];
            prop_assert_eq!(add_to(&mut back, &packed), Ok(()));
            prop_assert_eq!(back, counts);
            prop_assert_eq!(check(&packed), Ok(()));
            // A shorter buffer receives only the hits, which come first.
            let mut hits = [0; SLOTS];
            prop_assert_eq!(add_to(&mut hits, &packed), Ok(()));
            prop_assert_eq!(&hits[..], &counts[..SLOTS]);
        }

        #[test]
        fn other_bytes_are_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..900)) {
            let mut counts = [0; CELLS];
            let read = add_to(&mut counts, &bytes);
            if check(&bytes).is_ok() {
                prop_assert!(read.is_ok());
                prop_assert_eq!(&*pack(&counts), &bytes[..]);
            }
        }
    }
}
