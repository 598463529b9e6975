//! Addresses to listen on.
//!
//! Owns their notation, which is that of Go's `net.Listen`, as in every Prometheus exporter. It
//! looks names up but must never bind: `web` does.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
};

use crate::i18n::{Bilingual, bilingual};

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    text: String,
    candidates: Vec<SocketAddr>,
}

impl ListenAddress {
    /// Makes the address of every interface, as `:port`.
    pub fn any(port: u16) -> Self {
        let candidates =
            vec![(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()];
        Self { text: format!(":{port}"), candidates }
    }

    /// Returns its socket addresses, at least one. The first that can be bound is to be used.
    ///
    /// For `:PORT` that is `[::]`, which on a dual-stack socket serves IPv4 too, and then `0.0.0.0`
    /// for a machine without IPv6.
    pub fn candidates(&self) -> &[SocketAddr] {
        &self.candidates
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads `:10013`, `127.0.0.1:0`, `[::1]:9` or `localhost:9`.
pub(crate) fn parse(text: &str) -> Result<ListenAddress, Bilingual> {
    let text = text.trim();
    let Some((host, port)) = text.rsplit_once(':') else {
        let port = text.parse::<u16>().unwrap_or(10013);
        return Err(bilingual!(
            "{text:?} has no colon: write `:{port}` for every interface, or `host:{port}`",
            "{text:?} no tiene dos puntos: escriba `:{port}` para todas las interfaces, o `host:{port}`"
        ));
    };
    let port: u16 = port.parse().map_err(|_| {
        bilingual!(
            "{text:?} does not end in a port from 0 to 65535, as in `:10013` or `127.0.0.1:10013`",
            "{text:?} no termina en un puerto de 0 a 65535, como en `:10013` o `127.0.0.1:10013`"
        )
    })?;
    if host.is_empty() {
        return Ok(ListenAddress::any(port));
    }
    let bare = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside,
        None if host.contains(':') => {
            return Err(bilingual!(
                "{text:?} is ambiguous: put the IPv6 address in brackets, as in `[::1]:10013`",
                "{text:?} es ambigua: ponga la dirección IPv6 entre corchetes, como en `[::1]:10013`"
            ));
        }
        None => host,
    };
    // Only a possible name or address goes to the resolver, which may be slow.
    let plausible =
        bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte));
    let found: Vec<SocketAddr> = if plausible {
        (bare, port).to_socket_addrs().map(Iterator::collect).unwrap_or_default()
    } else {
        Vec::new()
    };
    let found = or_itself(bare, port, found);
    if found.is_empty() {
        return Err(bilingual!(
            "the host of {text:?} is neither an address nor a name that this machine can look up",
            "el host de {text:?} no es una dirección ni un nombre que esta máquina pueda resolver"
        ));
    }
    Ok(ListenAddress { text: text.to_owned(), candidates: found })
}

/// Returns the addresses found for a name, or the loopback addresses for `localhost` if none were
/// found, as in a bare root without `/etc/hosts` (RFC 6761, section 6.3).
fn or_itself(host: &str, port: u16, found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    if found.is_empty() && host.eq_ignore_ascii_case("localhost") {
        return vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()];
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_each_form() {
        for (text, first) in [
            (":10013", "[::]:10013"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("[::1]:9", "[::1]:9"),
            (" 0.0.0.0:80 ", "0.0.0.0:80"),
        ] {
            let address = parse(text).expect(text);
            assert_eq!(
                (address.to_string().as_str(), address.candidates()[0].to_string().as_str()),
                (text.trim(), first)
            );
        }
        let localhost = parse("localhost:9").expect("every machine knows localhost");
        assert!(
            localhost
                .candidates()
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 9)
        );
    }

    #[test]
    fn localhost_is_itself_also_where_nobody_can_look_it_up() {
        let found = or_itself("LocalHost", 9, Vec::new());
        assert!(
            found.len() == 2 && found.iter().all(|address| address.ip().is_loopback()),
            "{found:?}"
        );
        assert_eq!(or_itself("elsewhere", 9, Vec::new()), []);
        let known = vec![SocketAddr::from(([127, 0, 0, 2], 9))];
        assert_eq!(or_itself("localhost", 9, known.clone()), known);
    }

    #[test]
    fn refuses_with_a_remedy() {
        for (text, remedy) in [
            ("10013", "`:10013` for every interface"),
            ("localhost", "has no colon"),
            ("", "has no colon"),
            (":http", "does not end in a port"),
            ("127.0.0.1:65536", "does not end in a port"),
            ("127.0.0.1:", "does not end in a port"),
            ("::1:9", "brackets"),
            ("[::1:9", "brackets"),
            ("a b:9", "look up"),
        ] {
            let refusal = parse(text).expect_err(text).to_string();
            assert!(refusal.contains(remedy), "{text}: {refusal}");
        }
    }
}
