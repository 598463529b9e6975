//! Notices about the exporter as a whole: sentences for the status page and `/status.json`, in both
//! languages.

use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::{
    i18n::{Language, say, texts},
    store::Displacement,
};

/// The notices of a process, at most one of each kind.
#[derive(Debug, Default)]
pub struct Notices(ArcSwap<Vec<Notice>>);

impl Notices {
    /// Returns the present notices.
    pub fn load(&self) -> Arc<Vec<Notice>> {
        self.0.load_full()
    }

    /// Replaces the notice about the state file.
    pub fn state_file(&self, notice: &Notice) {
        self.replace(|old| matches!(old, Notice::StateFile { .. }), notice);
    }

    /// Replaces the notice about renamed targets.
    pub fn renamed(&self, notice: &Notice) {
        self.replace(|old| matches!(old, Notice::Renamed { .. }), notice);
    }

    fn replace(&self, is_old: impl Fn(&Notice) -> bool, notice: &Notice) {
        self.0.rcu(|notices| {
            let mut next: Vec<Notice> =
                notices.iter().filter(|old| !is_old(old)).cloned().collect();
            next.push(notice.clone());
            next
        });
    }
}

/// Something that concerns all targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Another program changed the state file while the exporter had it open.
    StateFile {
        /// The change.
        what: Displacement,
        /// The moment at which it was noticed.
        at: Timestamp,
        /// The state is in a file again.
        saved: bool,
    },
    /// The state has targets that are not configured, while configured targets that it does not
    /// have begin at zero.
    Renamed {
        /// Targets that are in the state only.
        left: Vec<String>,
        /// Targets that are in the configuration only.
        begun: Vec<String>,
    },
}

texts! {
    /// One text about the exporter as a whole.
    pub(super) NoticeText;
    Removed: "removed", "borrado";
    Replaced: "replaced", "reemplazado";
    Cut: "cut short", "truncado";
    Overwritten: "overwritten", "sobrescrito";
    PutBack:
        "The state file was {what} by another program at {time} while the exporter had it open. It has been written again \
         with everything that was counted: nothing is lost. If another file was in its place, it now ends in `.displaced`.",
        "Otro programa dejó el archivo de estado {what} a las {time}, mientras el exportador lo tenía abierto. Se escribió de \
         nuevo con todo lo contado: no se perdió nada. Si había otro archivo en su lugar, ahora termina en `.displaced`.";
    MadeAnew:
        "The state file was {what} by another program at {time} while the exporter had it open. The counters continue in a new \
         file, which no longer knows the rows of the hours before: late rows of those hours are missing, and the weeks before \
         are read again. What was in the file is kept beside it, in a file that ends in `.displaced`.",
        "Otro programa dejó el archivo de estado {what} a las {time}, mientras el exportador lo tenía abierto. Los contadores \
         siguen en un archivo nuevo, pero este ya no conoce las filas de las horas anteriores: faltan las que llegaron tarde, y \
         las semanas anteriores se leen de nuevo. Lo que había en el archivo quedó a su lado y termina en `.displaced`.";
    NotSaved:
        "The state file was {what} by another program at {time}, and it cannot be written again; the log says why. If the \
         exporter ends now, what was counted since is lost. Free some disk space, or stop the other program; the exporter \
         tries again every few seconds.",
        "Otro programa dejó el archivo de estado {what} a las {time}, y no se puede escribir de nuevo; el registro dice por \
         qué. Si el exportador termina ahora, se pierde lo contado desde entonces. Libere espacio en el disco o detenga el \
         otro programa; el exportador lo intenta de nuevo cada pocos segundos.";
    Renamed:
        "The state has counters of {left}, which is not in the configuration, and {begun} starts from zero. If it was renamed: \
         stop the exporter, run `wolkvox-exporter state rename OLD NEW`, and start it again; the counters then continue. If \
         not, `wolkvox-exporter state forget NAME` removes what is no longer needed.",
        "El estado tiene contadores de {left}, que no está en la configuración, y {begun} empieza desde cero. Si cambió de \
         nombre: detenga el exportador, ejecute `wolkvox-exporter state rename ANTERIOR NUEVO` e inícielo otra vez; los \
         contadores continúan. Si no, `wolkvox-exporter state forget NOMBRE` borra lo que ya no se necesita.";
}

impl Notice {
    /// Returns the notice in a language.
    pub(crate) fn sentence(&self, language: Language) -> String {
        match self {
            Self::StateFile { what, at, saved } => {
                let text = match (saved, what.keeps_contents()) {
                    (false, _) => NoticeText::NotSaved,
                    (true, true) => NoticeText::PutBack,
                    (true, false) => NoticeText::MadeAnew,
                };
                let what = match what {
                    Displacement::Removed => NoticeText::Removed,
                    Displacement::Replaced => NoticeText::Replaced,
                    Displacement::Cut => NoticeText::Cut,
                    Displacement::Overwritten => NoticeText::Overwritten,
                };
                let time = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
                say(text, language, &[("what", say(what, language, &[])), ("time", time)])
            }
            Self::Renamed { left, begun } => {
                let values = [("left", left.join(", ")), ("begun", begun.join(", "))];
                say(NoticeText::Renamed, language, &values)
            }
        }
    }

    /// Returns the word for it in `/status.json`.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::StateFile { saved: true, .. } => "state_file_saved",
            Self::StateFile { saved: false, .. } => "state_file_lost",
            Self::Renamed { .. } => "target_renamed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_everything() {
        crate::i18n::assert_good(NoticeText::ALL, &[]);
        let at = "2026-01-18T17:35:00.25Z".parse().expect("a moment");
        for what in Displacement::ALL {
            let said = |saved, language| Notice::StateFile { what, at, saved }.sentence(language);
            let lost = said(true, Language::En).contains("nothing is lost");
            assert_eq!(lost, what.keeps_contents(), "{what:?}");
            assert!(said(false, Language::Es).contains("2026-01-18 17:35:00 UTC"));
        }
        let renamed =
            Notice::Renamed { left: vec!["0042".to_owned()], begun: vec!["ventas".to_owned()] };
        let said = renamed.sentence(Language::Es);
        assert!(said.contains("0042") && said.contains("ventas empieza desde cero"), "{said}");
    }
}
