//! Bounds of what Wolkvox can mean: a value beyond them is a mistake, and takes part in no sum.

/// The longest interaction, in seconds. A chat that nobody writes in is closed about 23 hours after it began; this is
/// twice as much and a little more.
pub const LONGEST_INTERACTION: u32 = 48 * 3600;
/// The most attempts that one interaction makes in a routing point. Real ones make a few.
pub const MOST_ATTEMPTS: u32 = 100;
