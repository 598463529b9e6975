//! Bounds of the values that Wolkvox can mean. A value beyond them is a mistake and takes part in
//! no sum.

/// The longest interaction, in seconds: twice the 23 hours after which Wolkvox closes a chat that
/// nobody writes in, and a little more.
pub const LONGEST_INTERACTION: u32 = 48 * 3600;
/// The most attempts that one interaction makes in a routing point. Real ones make a few.
pub const MOST_ATTEMPTS: u32 = 100;
