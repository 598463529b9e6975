//! The words of an answer as tokens, and the few sentences that are understood.
//!
//! Owns the vocabulary of "no rows" and of "there are more rows". It must never guess: a sentence
//! with one word outside the vocabulary of "no rows" does not mean that.

/// A piece of a sentence. Punctuation is dropped, except for the slash of `25/7000`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// Digits, with grouping dots or commas.
    Number(u64),
    /// Anything else, in capital letters.
    Word(String),
    Slash,
}

/// Words for rows. A sentence without one of these counts something else.
const COUNTED: [&str; 12] = [
    "RECORD",
    "RECORDS",
    "REGISTRO",
    "REGISTROS",
    "ROW",
    "ROWS",
    "FILA",
    "FILAS",
    "RESULT",
    "RESULTS",
    "RESULTADO",
    "RESULTADOS",
];
/// The other words around a count: `0 records were found`, `Se encontraron 0 registros`,
/// `Total records: 0`.
const COUNT_WORDS: [&str; 16] = [
    "FOUND",
    "ENCONTRADO",
    "ENCONTRADOS",
    "ENCONTRADA",
    "ENCONTRADAS",
    "ENCONTRARON",
    "ENCONTRÓ",
    "TOTAL",
    "WAS",
    "WERE",
    "SE",
    "HAN",
    "FUERON",
    "RETURNED",
    "S",
    "OK",
];
/// Words that stand for 0 in such a sentence.
const ZERO_WORDS: [&str; 4] = ["NO", "ZERO", "CERO", "NINGÚN"];
/// Words between the numbers of `25 of 7000` and `25 records of a total of 7000`.
const OF_WORDS: [&str; 10] = ["OF", "DE", "OUT", "A", "UN", "THE", "LOS", "LAS", "AN", "FROM"];
/// Words after which a number counts pages.
const PAGE_WORDS: [&str; 6] = ["PAGE", "PAGES", "PÁGINA", "PÁGINAS", "PAGINA", "PAG"];
/// Beginnings of words that mean that an answer is not whole.
const MORE_STEMS: [&str; 16] = [
    "PARTIAL",
    "PARCIAL",
    "TRUNCA",
    "INCOMPLET",
    "FIRST",
    "PRIMER",
    "ONLY",
    "SOLO",
    "SÓLO",
    "EXCEED",
    "EXCED",
    "TIMEOUT",
    "REMAIN",
    "RESTANTE",
    "ABORT",
    "INTERRUMP",
];
/// Pairs of words that mean the same.
const MORE_PAIRS: [(&str, &str); 17] = [
    ("TIMED", "OUT"),
    ("TIME", "OUT"),
    ("TIEMPO", "AGOTADO"),
    ("CUT", "OFF"),
    ("LIMITED", "TO"),
    ("LIMITADO", "A"),
    ("LIMIT", "REACHED"),
    ("LÍMITE", "ALCANZADO"),
    ("NOT", "ALL"),
    ("NO", "TODOS"),
    ("NEXT", "PAGE"),
    ("MORE", "RECORDS"),
    ("MORE", "ROWS"),
    ("MORE", "RESULTS"),
    ("MORE", "DATA"),
    ("MÁS", "REGISTROS"),
    ("MAS", "REGISTROS"),
];

/// A sentence of the server's, split into tokens.
#[derive(Debug, Clone)]
pub(super) struct Sentence(Vec<Token>);

impl Sentence {
    pub(super) fn new(text: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let end = if first.is_alphanumeric() { token_end(rest) } else { first.len_utf8() };
            let (token, behind) = rest.split_at(end);
            if first == '/' {
                tokens.push(Token::Slash);
            } else if first.is_alphanumeric() {
                tokens.push(Token::of(token));
            }
            rest = behind;
        }
        Self(tokens)
    }

    pub(super) fn is_silent(&self) -> bool {
        match self.0.as_slice() {
            [] => true,
            [Token::Word(word)] => matches!(word.as_str(), "OK" | "SUCCESS"),
            _ => false,
        }
    }

    /// Returns true if this is the vendor's `Validate dates entered`, or a count of 0 rows, and
    /// nothing else.
    pub(super) fn says_no_rows(&self) -> bool {
        self.is_validate_dates() || self.is_count_of_zero()
    }

    fn is_validate_dates(&self) -> bool {
        let known = ["PLEASE", "VALIDATE", "THE", "DATE", "DATES", "ENTERED"];
        self.has("VALIDATE") && (self.has("DATES") || self.has("DATE")) && self.is_made_of(&known)
    }

    fn is_count_of_zero(&self) -> bool {
        let numbers = self.0.iter().filter(|token| matches!(token, Token::Number(_))).count();
        let others: Vec<Token> = self.0.iter().filter(|token| !token.is_zero()).cloned().collect();
        let has_one_zero = self.0.len() - others.len() == 1 && numbers <= 1;
        has_one_zero
            && self.counts_rows()
            && Self(others).is_made_of(&[&COUNTED[..], &COUNT_WORDS[..]].concat())
    }

    fn has(&self, word: &str) -> bool {
        self.0.iter().any(|token| token.is_word(word))
    }

    fn is_made_of(&self, words: &[&str]) -> bool {
        self.0
            .iter()
            .all(|token| matches!(token, Token::Word(word) if words.contains(&word.as_str())))
    }

    /// Returns true if the sentence is about rows.
    fn counts_rows(&self) -> bool {
        COUNTED.iter().any(|word| self.has(word))
    }

    /// Returns true if it reports that the server did not find the requested thing, like the reason
    /// of an HTTP status.
    pub(super) fn says_not_found(&self) -> bool {
        self.0.iter().all(|token| match token {
            Token::Number(number) => *number == 404 || *number == 1,
            Token::Word(word) => {
                matches!(word.as_str(), "NOT" | "FOUND" | "TRUE" | "ERROR" | "HTTP")
            }
            Token::Slash => false,
        })
    }

    /// Returns true if it says something, and not that there are no rows.
    pub(super) fn is_unknown(&self) -> bool {
        !self.says_no_rows() && !self.is_silent()
    }

    /// Returns the number of rows that the sentence announces: the first one, or the M of an `N of
    /// M`.
    pub(super) fn rows(&self) -> Option<u64> {
        let is_about_rows = self.counts_rows()
            || ["FOUND", "ENCONTRARON", "TOTAL"].iter().any(|word| self.has(word));
        let first = self.0.iter().find_map(Token::number).filter(|_| is_about_rows);
        let of = self.pairs().filter(|pair| !pair.of_pages).map(|pair| pair.all).max();
        let named = self.0.windows(2).filter_map(|two| match two {
            [Token::Number(number), Token::Word(word)]
                if COUNTED.contains(&word.as_str())
                    || word == "FOUND"
                    || word.starts_with("ENCONTRAD") =>
            {
                Some(*number)
            }
            _ => None,
        });
        first.into_iter().chain(of).chain(named).max()
    }

    /// Returns true if it announces more than this, without a number of rows.
    pub(super) fn says_more(&self) -> bool {
        let has_stem = self.0.iter().any(|token| match token {
            Token::Word(word) => MORE_STEMS.iter().any(|stem| word.starts_with(stem)),
            _ => false,
        });
        let has_pair = self.0.windows(2).any(|two| {
            MORE_PAIRS.iter().any(|(first, second)| two[0].is_word(first) && two[1].is_word(second))
        });
        has_stem || has_pair || self.pairs().any(|pair| pair.of_pages && pair.part < pair.all)
    }

    /// Returns true if it names a part of something: `1-25 of 7000`.
    pub(super) fn names_a_part(&self) -> bool {
        self.pairs().any(|pair| pair.part < pair.all)
    }

    /// Every `N of M`.
    fn pairs(&self) -> impl Iterator<Item = PartOf> {
        (0..self.0.len()).filter_map(|at| self.part_at(at))
    }

    /// The `N of M` whose N is at a place.
    fn part_at(&self, at: usize) -> Option<PartOf> {
        let part = self.0[at].number()?;
        let before = at.checked_sub(1).map(|before| &self.0[before]);
        let of_pages =
            matches!(before, Some(Token::Word(word)) if PAGE_WORDS.contains(&word.as_str()));
        let rest = &self.0[at + 1..];
        let between =
            rest.iter().position(|token| token.number().is_some()).filter(|length| *length <= 5)?;
        let all = rest[between].number()?;
        let is_of = match &rest[..between] {
            // A second slash makes it a date.
            [Token::Slash] => {
                before != Some(&Token::Slash) && rest.get(between + 1) != Some(&Token::Slash)
            }
            [.., Token::Word(last)] if matches!(last.as_str(), "OF" | "DE") => {
                rest[..between].iter().all(|token| match token {
                    Token::Word(word) => {
                        let known = [&OF_WORDS[..], &COUNTED[..], &COUNT_WORDS[..]];
                        known.iter().any(|words| words.contains(&word.as_str()))
                    }
                    _ => false,
                })
            }
            _ => false,
        };
        is_of.then_some(PartOf { part, all, of_pages })
    }
}

/// An `N of M` within a sentence.
#[derive(Debug, Clone, Copy)]
struct PartOf {
    part: u64,
    all: u64,
    /// It counts pages, and not rows.
    of_pages: bool,
}

impl Token {
    fn of(text: &str) -> Self {
        if text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ',') {
            let digits = text.replace(['.', ','], "");
            return digits.parse().map_or_else(|_| Self::Word(digits), Self::Number);
        }
        Self::Word(text.to_uppercase())
    }

    fn is_zero(&self) -> bool {
        match self {
            Self::Number(number) => *number == 0,
            Self::Word(word) => ZERO_WORDS.contains(&word.as_str()),
            Self::Slash => false,
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    fn is_word(&self, expected: &str) -> bool {
        matches!(self, Self::Word(word) if word == expected)
    }
}

/// Returns the end of the token with which a text begins: letters and digits, and single dots and
/// commas between digits.
fn token_end(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let mut after_digit = false;
    while let Some((at, c)) = chars.next() {
        let before_digit = chars.peek().is_some_and(|(_, next)| next.is_ascii_digit());
        let groups = matches!(c, '.' | ',') && after_digit && before_digit;
        if !c.is_alphanumeric() && !groups {
            return at;
        }
        after_digit = c.is_ascii_digit();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rows_is_said_in_known_words_only() {
        for text in [
            "Validate dates entered",
            "PLEASE  VALIDATE dates entered.",
            "0 records were found",
            "0 record(s) found",
            "Se encontraron 0 registros",
            "Registros encontrados: 0",
            "Total records: 0.",
            "No records were found",
            "No se encontraron registros",
            "0 filas",
        ] {
            assert!(Sentence::new(text).says_no_rows(), "{text}");
        }
        for text in [
            "",
            "0",
            "OK",
            "7 records were found",
            "Error 0x80004005: no se pueden leer los registros",
            "Error 0: tabla de registros bloqueada",
            "0 of 7 records could be read",
            "0/7 records",
            "0 records of 7",
            "0 records, 0 errors",
            "SQLSTATE[00000]: records are locked",
            "SQLSTATE[HY000]: 0 rows",
            "0 records were found, try again later",
            "No records available, the report is being rebuilt",
            "No se pudieron leer los registros",
            "0 registros (tiempo agotado)",
            "Validate dates entered: database is down",
            "Could not validate dates entered",
            "Validate token",
            "Query timed out",
            "Servicio ocupado, intente mas tarde",
        ] {
            assert!(!Sentence::new(text).says_no_rows(), "{text}");
        }
    }

    #[test]
    fn rows_are_announced_by_number() {
        for (text, rows) in [
            ("1172 records were found", Some(1172)),
            ("Se encontraron 1,172 registros", Some(1172)),
            ("1.172 registros.", Some(1172)),
            ("Total: 7", Some(7)),
            ("1 of 7 records", Some(7)),
            ("1 de 7 registros", Some(7)),
            ("1 out of 7 rows", Some(7)),
            ("1/7 records", Some(7)),
            ("showing 1-25 of a total of 7,000 records", Some(7000)),
            ("25 registros de un total de 7000", Some(7000)),
            ("25 shown, 7000 found", Some(7000)),
            ("25 records from 01/02/2026 to 01/02/2026", Some(25)),
            ("25 registros del 18 de enero de 2026", Some(25)),
            ("page 1 of 7", None),
            ("no number", None),
            ("done in 300 ms", None),
            ("99999999999999999999999 records", None),
        ] {
            assert_eq!(Sentence::new(text).rows(), rows, "{text}");
        }
    }

    #[test]
    fn more_is_announced_in_words() {
        for text in [
            "partial data",
            "Resultados parciales",
            "The result was truncated",
            "page 1 of 7",
            "25 records (página 1 de 3)",
            "first 25 records",
            "Se muestran solo 25 registros",
            "Query timed out, 25 records were read",
            "limited to 25 rows",
            "there are more records",
        ] {
            assert!(Sentence::new(text).says_more(), "{text}");
        }
        for text in [
            "25 records were found",
            "page 7 of 7",
            "OK",
            "Consulta exitosa",
            "Se encontraron 3 registros",
            "",
        ] {
            assert!(!Sentence::new(text).says_more(), "{text}");
        }
    }
}
