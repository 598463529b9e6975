//! The status page and `/status.json` of the real binary: in a real browser, against the schema,
//! and against the simulator's truth.
//!
//! | file | shows |
//! | --- | --- |
//! | `look` | the page in a browser: widths, schemes, languages, contrast, weight; the pictures |
//! | `proxied` | links of the page under a sub-path of a real reverse proxy |
//! | `facts` | `/status.json` against its schema and the truth, also over a restart |

mod facts;
mod look;
mod proxied;
