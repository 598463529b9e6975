//! The status page and `/status.json` of the real binary: in a real browser, against the schema,
//! and against the simulator's truth.
//!
//! | file | shows |
//! | --- | --- |
//! | `look` | what a browser makes of the page: widths, schemes, languages, contrast, weight; and takes the pictures |
//! | `proxied` | that its links work under a sub-path of a real reverse proxy |
//! | `facts` | that `/status.json` follows its schema and tells the truth, over a restart too |

mod facts;
mod look;
mod proxied;
