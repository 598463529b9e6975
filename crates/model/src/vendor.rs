//! Bounds of plausible values from Wolkvox. A value beyond them is a mistake and is left out of all
//! sums.

/// The longest interaction, in seconds: twice the 23 hours after which Wolkvox closes a chat that
/// nobody writes in, and a little more.
pub const LONGEST_INTERACTION: u32 = 48 * 3600;
/// Most attempts of one interaction in a routing point. Real ones make a few.
pub const MOST_ATTEMPTS: u32 = 100;
