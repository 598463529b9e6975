//! Converts `tls_server_config` of the web configuration into settings of rustls.
//!
//! Owns certificates, key, client certificates, versions, suites and curves. It must never weaken
//! the file's demands: a setting that is not supported is refused, unless leaving it out is the
//! stricter choice.

use std::sync::Arc;

use rustls::{
    NamedGroup, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use serde_saphyr::Spanned;

use crate::config::{
    read::{diagnostics::Diagnostics, file::Scalar},
    setting::boolean,
    web::{
        keys::{TlsSection, WebFile},
        sources::Sources,
    },
};
use crate::i18n::{Bilingual, bilingual};

/// The content of a key, or of the file that it names.
struct Pem {
    place: String,
    bytes: Vec<u8>,
}

/// Reads the section and reports its problems.
struct TlsSectionReader<'a> {
    file: &'a WebFile,
    section: &'a TlsSection,
    /// The place of the section, for messages about missing keys.
    here: String,
    diagnostics: &'a mut Diagnostics,
}

pub(crate) fn resolve(
    file: &WebFile,
    section: &Spanned<TlsSection>,
    sources: &mut Sources,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<ServerConfig>> {
    let here = file.place(&section.referenced, "tls_server_config");
    let section = &section.value;
    let mut reader = TlsSectionReader { file, section, here, diagnostics };
    // All settings are read before any problem ends this, so that one start reports all problems.
    let cert = reader.pem("cert", section.cert.as_ref(), section.cert_file.as_ref(), true, sources);
    let key = reader.pem("key", section.key.as_ref(), section.key_file.as_ref(), true, sources);
    let ca = reader.pem(
        "client_ca",
        section.client_ca.as_ref(),
        section.client_ca_file.as_ref(),
        false,
        sources,
    );
    let versions = reader.versions();
    let provider = reader.provider().map(Arc::new);
    reader.allowed_names();
    let chain = cert.as_ref().and_then(|pem| reader.certificates(pem));
    let private = key.as_ref().and_then(|pem| reader.private_key(pem));
    let verifier = provider.clone().and_then(|provider| reader.verifier(ca.as_ref(), provider));
    let prefer = reader.prefer_own_order();

    let place = cert?.place;
    let builder = ServerConfig::builder_with_provider(provider?).with_protocol_versions(&versions?);
    let builder = reader.diagnostics.keep(&reader.here, builder.map_err(Bilingual::verbatim))?;
    let builder = builder.with_client_cert_verifier(verifier?);
    let mut config = match builder.with_single_cert(chain?, private?) {
        Ok(config) => config,
        Err(error) => {
            reader.diagnostics.problem(place, unusable_pair(&error));
            return None;
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ignore_client_order = prefer;
    Some(Arc::new(config))
}

impl TlsSectionReader<'_> {
    fn place(&self, text: &Scalar, key: &str) -> String {
        self.file.place(&text.referenced, &format!("tls_server_config.{key}"))
    }

    fn problem(&mut self, text: &Scalar, key: &str, reason: Bilingual) {
        let place = self.place(text, key);
        self.diagnostics.problem(place, reason);
    }

    /// Reads a key (`cert`) or the file that its twin names (`cert_file`).
    fn pem(
        &mut self,
        key: &str,
        inline: Option<&Scalar>,
        named: Option<&Scalar>,
        needed: bool,
        sources: &mut Sources,
    ) -> Option<Pem> {
        match (inline, named) {
            (Some(text), Some(_)) => {
                let reason = bilingual!(
                    "both `{key}` and `{key}_file` are given: keep one",
                    "están `{key}` y `{key}_file`: deje uno"
                );
                self.problem(text, key, reason);
                None
            }
            (Some(text), None) => {
                Some(Pem { place: self.place(text, key), bytes: text.value.clone().into_bytes() })
            }
            (None, Some(text)) => {
                let place = self.place(text, &format!("{key}_file"));
                let read = sources.read(&self.file.path_from_here(&text.value));
                Some(Pem { bytes: self.diagnostics.keep(&place, read)?, place })
            }
            (None, None) if needed => {
                let reason = bilingual!(
                    "TLS needs a `{key}_file`: name one",
                    "TLS necesita un `{key}_file`: nombre uno"
                );
                self.diagnostics.problem(&self.here, reason);
                None
            }
            (None, None) => None,
        }
    }

    fn certificates(&mut self, pem: &Pem) -> Option<Vec<CertificateDer<'static>>> {
        match CertificateDer::pem_slice_iter(&pem.bytes).collect::<Result<Vec<_>, _>>() {
            Ok(chain) if !chain.is_empty() => Some(chain),
            _ => {
                self.diagnostics.problem(
                    &pem.place,
                    bilingual!(
                        "there is no certificate in it: it must be PEM, with -----BEGIN CERTIFICATE-----",
                        "no tiene ningún certificado: debe ser PEM, con -----BEGIN CERTIFICATE-----"
                    ),
                );
                None
            }
        }
    }

    fn private_key(&mut self, pem: &Pem) -> Option<PrivateKeyDer<'static>> {
        let key = PrivateKeyDer::from_pem_slice(&pem.bytes).ok();
        if key.is_none() {
            self.diagnostics.problem(
                &pem.place,
                bilingual!(
                    "there is no private key in it: it must be PEM, with -----BEGIN PRIVATE KEY-----, and not be \
                     encrypted",
                    "no tiene ninguna clave privada: debe ser PEM, con -----BEGIN PRIVATE KEY-----, y no estar cifrada"
                ),
            );
        }
        key
    }

    /// Makes the check of client certificates.
    fn verifier(
        &mut self,
        ca: Option<&Pem>,
        provider: Arc<CryptoProvider>,
    ) -> Option<Arc<dyn ClientCertVerifier>> {
        let written = self.section.client_auth_type.as_ref();
        let optional = match written.map_or("", |text| text.value.trim()) {
            "" | "NoClientCert" => {
                let Some(ca) = ca else { return Some(WebPkiClientVerifier::no_client_auth()) };
                self.diagnostics.problem(
                    &ca.place,
                    bilingual!(
                        "authorities for client certificates without `client_auth_type: RequireAndVerifyClientCert` \
                         do nothing: add it, or take them away",
                        "las autoridades de certificados de clientes no sirven sin `client_auth_type: \
                         RequireAndVerifyClientCert`: agréguelo, o quítelas"
                    ),
                );
                return None;
            }
            "RequireAndVerifyClientCert" => false,
            "VerifyClientCertIfGiven" => true,
            other => {
                self.auth_type_problem(unusable_auth_type(other));
                return None;
            }
        };
        let Some(ca) = ca else {
            // An unreadable file is reported already.
            if self.section.client_ca.is_none() && self.section.client_ca_file.is_none() {
                let reason = bilingual!(
                    "verifying client certificates needs a `client_ca_file`: name one",
                    "para verificar certificados de clientes hace falta un `client_ca_file`: nombre uno"
                );
                self.auth_type_problem(reason);
            }
            return None;
        };
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates(ca)? {
            self.diagnostics
                .keep(&ca.place, roots.add(certificate).map_err(Bilingual::verbatim))?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = if optional { builder.allow_unauthenticated() } else { builder };
        self.diagnostics.keep(&ca.place, builder.build().map_err(Bilingual::verbatim))
    }

    fn auth_type_problem(&mut self, reason: Bilingual) {
        if let Some(text) = &self.section.client_auth_type {
            self.problem(text, "client_auth_type", reason);
        }
    }

    /// Refuses `client_allowed_sans`, because without it more clients would come in than the file
    /// allows.
    fn allowed_names(&mut self) {
        if let Some(text) = self.section.client_allowed_sans.first() {
            self.problem(
                text,
                "client_allowed_sans",
                bilingual!(
                    "client certificates cannot be told apart by name here: take this away, and give the clients' \
                     certificates an authority of their own",
                    "aquí no se distinguen certificados de clientes por nombre: quite esto, y dé a los certificados de los \
                     clientes una autoridad propia"
                ),
            );
        }
    }

    fn versions(&mut self) -> Option<Vec<&'static SupportedProtocolVersion>> {
        let oldest = match &self.section.min_version {
            None => 12,
            Some(text) => match text.value.trim() {
                "TLS12" => 12,
                "TLS13" => 13,
                old @ ("TLS10" | "TLS11") => {
                    let place = self.place(text, "min_version");
                    self.diagnostics.warn(
                        place,
                        bilingual!(
                            "{old} is too old to be spoken here: clients need TLS 1.2 or later",
                            "{old} es demasiado viejo y aquí no se admite: los clientes necesitan TLS 1.2 o posterior"
                        ),
                    );
                    12
                }
                other => {
                    self.problem(text, "min_version", no_version(other));
                    return None;
                }
            },
        };
        let newest = match &self.section.max_version {
            None => 13,
            Some(text) => match text.value.trim() {
                "TLS12" => 12,
                "TLS13" => 13,
                other => {
                    self.problem(text, "max_version", no_version(other));
                    return None;
                }
            },
        };
        if oldest > newest {
            let reason = bilingual!(
                "`min_version` is later than `max_version`: swap them",
                "`min_version` es posterior a `max_version`: intercámbielas"
            );
            self.diagnostics.problem(&self.here, reason);
            return None;
        }
        let all = [(12, &TLS12), (13, &TLS13)];
        Some(
            all.into_iter()
                .filter(|(v, _)| (oldest..=newest).contains(v))
                .map(|(_, v)| v)
                .collect(),
        )
    }

    /// Chooses suites and curves. An unsupported name is left out with a warning, if a supported
    /// one remains.
    fn provider(&mut self) -> Option<CryptoProvider> {
        let mut provider = aws_lc_rs::default_provider();
        let suites = &self.section.cipher_suites;
        if !suites.is_empty() {
            let all = std::mem::take(&mut provider.cipher_suites);
            // Those of TLS 1.3 are all good and, as in Go, cannot be chosen.
            let (modern, older): (Vec<_>, Vec<_>) =
                all.into_iter().partition(|suite| matches!(suite, SupportedCipherSuite::Tls13(_)));
            let names = older.iter().map(suite_name).collect::<Vec<_>>().join(", ");
            self.choose(suites, "cipher_suites", &names, &|text| {
                is_suite(text.value.trim(), &older)
            })?;
            let chosen = suites.iter().filter_map(|text| {
                older.iter().find(|suite| suite_name(suite) == text.value.trim()).copied()
            });
            provider.cipher_suites = modern.iter().copied().chain(chosen).collect();
        }
        let curves = &self.section.curve_preferences;
        if !curves.is_empty() {
            let all = std::mem::take(&mut provider.kx_groups);
            let by_name: Vec<(String, _)> =
                all.iter().map(|group| (curve_name(group.name()), *group)).collect();
            let names: Vec<&str> = by_name.iter().map(|(name, _)| name.as_str()).collect();
            self.choose(curves, "curve_preferences", &names.join(", "), &|text| {
                names.contains(&text.value.trim())
            })?;
            let chosen = curves.iter().filter_map(|text| {
                by_name.iter().find(|(name, _)| name == text.value.trim()).map(|(_, group)| *group)
            });
            provider.kx_groups = chosen.collect();
        }
        Some(provider)
    }

    /// Warns of the names in `written` that are not `offered`. Returns `None` if none of them is.
    fn choose(
        &mut self,
        written: &[Scalar],
        key: &str,
        names: &str,
        offered: &dyn Fn(&Scalar) -> bool,
    ) -> Option<()> {
        let none = !written.iter().any(offered);
        for text in written.iter().filter(|text| !offered(text)) {
            let place = self.place(text, key);
            if none {
                let reason = bilingual!(
                    "{:?} cannot be had here: there are {names}",
                    "{:?} no existe aquí: hay {names}"; text.value
                );
                self.diagnostics.problem(place, reason);
            } else {
                let reason = bilingual!(
                    "{:?} cannot be had here and is left out",
                    "{:?} no existe aquí y se deja por fuera"; text.value
                );
                self.diagnostics.warn(place, reason);
            }
        }
        (!none).then_some(())
    }

    fn prefer_own_order(&mut self) -> bool {
        let Some(text) = &self.section.prefer_server_cipher_suites else { return true };
        let place = self.place(text, "prefer_server_cipher_suites");
        self.diagnostics.keep(&place, boolean(&text.value)).unwrap_or(true)
    }
}

/// Returns true for suites of TLS 1.3, all of which are offered, and for the names of `older` ones.
fn is_suite(name: &str, older: &[SupportedCipherSuite]) -> bool {
    name.starts_with("TLS_AES_")
        || name.starts_with("TLS_CHACHA20_")
        || older.iter().any(|suite| suite_name(suite) == name)
}

/// Returns the reason why a certificate and a key cannot be used together.
fn unusable_pair(error: &rustls::Error) -> Bilingual {
    match error {
        rustls::Error::InconsistentKeys(_) => bilingual!(
            "the certificate and the key do not belong together",
            "el certificado y la clave no corresponden entre sí"
        ),
        _ => bilingual!(
            "certificate and key cannot be used: {error}",
            "el certificado y la clave no se pueden usar: {error}"
        ),
    }
}

/// Returns the reason why a value of `client_auth_type` is refused.
fn unusable_auth_type(written: &str) -> Bilingual {
    match written {
        "RequestClientCert" | "RequireAnyClientCert" | "RequireClientCert" => bilingual!(
            "{written} lets in whoever makes a certificate for himself: write RequireAndVerifyClientCert, or \
             NoClientCert",
            "{written} deja entrar a quien se haga su propio certificado: escriba RequireAndVerifyClientCert, o \
             NoClientCert"
        ),
        _ => bilingual!(
            "{written:?} must be NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert",
            "{written:?} debe ser NoClientCert, VerifyClientCertIfGiven o RequireAndVerifyClientCert"
        ),
    }
}

fn no_version(written: &str) -> Bilingual {
    bilingual!("{written:?} must be TLS12 or TLS13", "{written:?} debe ser TLS12 o TLS13")
}

fn suite_name(suite: &SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite())
}

/// Returns the name of a curve in Go, which the format uses.
fn curve_name(group: NamedGroup) -> String {
    match group {
        NamedGroup::secp256r1 => "CurveP256".to_owned(),
        NamedGroup::secp384r1 => "CurveP384".to_owned(),
        NamedGroup::secp521r1 => "CurveP521".to_owned(),
        other => format!("{other:?}"),
    }
}
