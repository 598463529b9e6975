//! Every text of `init`, in both languages.

use crate::i18n::texts;

texts! {
    /// One text.
    pub(super) Text;
    AskServer:
        "The four digits of the operation, as in 0042 of wv0042.wolkvox.com: ",
        "Los cuatro dígitos de la operación, como 0042 en wv0042.wolkvox.com: ";
    AskToken:
        "Its token (nothing is shown while you paste it): ",
        "Su token (no se muestra nada mientras lo pega): ";
    NoAnswer: "no answer to: {question}", "sin respuesta a: {question}";
    ServerPlace: "server", "servidor";
    TokenPlace: "token", "token";
    Taken:
        "{path} is there already, and nothing is overwritten: move it away, or name another folder with \
         --init.directory",
        "{path} ya existe, y no se sobrescribe nada: muévalo a otro lugar, o indique otra carpeta con \
         --init.directory";
    CannotCreate: "cannot create {path}", "no se puede crear {path}";
    CannotWrite: "cannot write {path}", "no se puede escribir {path}";
    Written: "Configuration: {config}", "Configuración: {config}";
    TokenWritten:
        "Token: {token}, readable only by you",
        "Token: {token}, que solo puede leer usted";
    First:
        "Do what the arrows above say, and check again:",
        "Haga lo que dicen las flechas de arriba y revise otra vez:";
    Start: "To start the exporter:", "Para iniciar el exportador:";
    Scrape: "For Prometheus (prometheus.yml):", "Para Prometheus (prometheus.yml):";
    Page:
        "Once it runs, http://localhost:10013/ shows its state.",
        "Cuando esté en marcha, http://localhost:10013/ dice cómo está.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::assert_good;

    #[test]
    fn texts_are_good_in_both_languages() {
        let trailing = [Text::AskServer, Text::AskToken];
        let rest: Vec<Text> =
            Text::ALL.iter().copied().filter(|text| !trailing.contains(text)).collect();
        assert_good(&rest, &["TokenPlace"]);
    }
}
