//! Mistakes in the answers that `init` gets, in both languages.
//!
//! Owns the Spanish words; the English ones are those of the configuration. Must never repeat an answer that may be a
//! token.

use crate::{
    config::{ServerError, TokenError},
    i18n::Language,
};

/// Returns what is wrong with the server that was given, and what to do.
pub(super) fn server(error: &ServerError, language: Language) -> String {
    if language == Language::En {
        return error.to_string();
    }
    match error {
        ServerError::Empty => {
            "no se indicó el servidor: escriba sus cuatro dígitos, como \"0042\"".to_owned()
        }
        ServerError::TooFewDigits(meant) => {
            format!("un servidor tiene cuatro dígitos: ¿quiso decir \"{meant}\"?")
        }
        ServerError::TooManyDigits(digits) => {
            format!("un servidor tiene cuatro dígitos, como \"0042\", y este tiene {digits}")
        }
        ServerError::Unknown => {
            "esto no es un servidor: escriba sus cuatro dígitos (\"0042\"), wv0042, o una \
                                 dirección con https://"
                .to_owned()
        }
        ServerError::BadUrl(reason) => format!("esta dirección no se puede leer: {reason}"),
        ServerError::Scheme(scheme) => format!("la dirección empieza con {scheme}: debe ser https"),
        ServerError::UserInfo => {
            "la dirección trae un usuario o una contraseña: quítelos, Wolkvox solo pide el \
                                  token"
                .to_owned()
        }
        ServerError::PlainHttp(host) => format!(
            "por http sin cifrar, el token viajaría a la vista hasta {host}: escriba https, o permítalo con \
             --wolkvox.allow-http"
        ),
    }
}

/// Returns what is wrong with the token, and what to do.
pub(super) fn token(error: &TokenError, language: Language) -> String {
    if language == Language::En {
        return error.to_string();
    }
    match error {
        TokenError::Unreadable { path, reason } => {
            format!("no se puede leer el archivo del token {}: {reason}", path.display())
        }
        TokenError::QuotedPath(path) => format!(
            "no se puede leer el archivo del token {}: su nombre está entre comillas; quítelas",
            path.display()
        ),
        TokenError::NotAFile(path) => {
            format!("{} no es un archivo común, y el token se lee de nuevo en cada uso", path.display())
        }
        TokenError::Empty(_) => "el token está vacío: pegue el wolkvox-token de la operación".to_owned(),
        TokenError::TooLong(_) => "son más de 4096 bytes: eso no es un token".to_owned(),
        TokenError::Quoted(_) => "el token está entre comillas, que se enviarían con él: quítelas".to_owned(),
        TokenError::Utf16(_) => {
            "el archivo del token está en UTF-16: guárdelo como texto UTF-8, con el token solo \
                                 en una línea"
                .to_owned()
        }
        TokenError::Malformed(_) => {
            "el token tiene un espacio, un salto de línea u otro carácter que ningún token \
                                     lleva: debe ser una sola palabra"
                .to_owned()
        }
    }
}
