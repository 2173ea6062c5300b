//! Who may see what: `Host`, `Origin` and the token.

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use axum::http::{HeaderMap, HeaderName};

use super::House;
use super::tally::Reason;

/// A browser cannot set `Authorization` on a WebSocket, so the page names the token as a protocol
/// with this prefix. Unlike a query it is in no history and no log.
const TOKEN_PROTOCOL: &str = "token.";

impl House {
    /// True if the request was meant for this server. On loopback the name must be one of this
    /// machine: otherwise any web page could have its own name resolved to 127.0.0.1 and read
    /// along. On other addresses the token keeps such a page out.
    pub(super) fn is_meant(&self, headers: &HeaderMap) -> Result<(), Reason> {
        let Some(host) = single(headers, &HOST) else { return Err(Reason::Host) };
        if self.is_loopback && !is_loopback(name_of(host)) {
            return Err(Reason::Host);
        }
        Ok(())
    }

    /// True if the request comes from our own page, or from no page at all.
    pub(super) fn is_ours(headers: &HeaderMap) -> Result<(), Reason> {
        if !headers.contains_key(ORIGIN) {
            return Ok(());
        }
        let origin = single(headers, &ORIGIN).and_then(|origin| origin.split_once("://"));
        match (origin, single(headers, &HOST)) {
            (Some(("http" | "https", origin)), Some(host)) if origin.eq_ignore_ascii_case(host) => {
                Ok(())
            }
            _ => Err(Reason::Origin),
        }
    }

    /// True if no token is asked for, or the right one is shown.
    pub(super) fn admits(&self, headers: &HeaderMap) -> Result<(), Reason> {
        let Some(token) = self.token else { return Ok(()) };
        let bearer =
            single(headers, &AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let protocols = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let mut shown = protocols
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|protocol| protocol.trim().strip_prefix(TOKEN_PROTOCOL))
            .chain(bearer.map(str::trim));
        if shown.any(|shown| token.is(shown)) { Ok(()) } else { Err(Reason::Token) }
    }
}

/// The value of a header that is there once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// `Host` without its port. A tunnel may have another port than we do, so ports are not compared.
fn name_of(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_loopback(name: &str) -> bool {
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for ours in ["localhost:5580", "LOCALHOST", "127.0.0.1:80", "127.0.0.1", "[::1]:5580"] {
            assert!(is_loopback(name_of(ours)), "{ours}");
        }
        for theirs in
            ["evil.example", "localhost.evil.example:5580", "192.168.1.2", "127.0.0.1.nip.io", ""]
        {
            assert!(!is_loopback(name_of(theirs)), "{theirs}");
        }
    }

    #[test]
    fn only_our_own_page_may_ask_and_so_may_who_is_no_page() {
        let host = (HOST, "127.0.0.1:5580");
        let ask = |origin| House::is_ours(&headers(&[host.clone(), (ORIGIN, origin)]));
        assert_eq!(House::is_ours(&headers(std::slice::from_ref(&host))), Ok(()));
        assert_eq!(ask("http://127.0.0.1:5580"), Ok(()));
        for origin in ["http://127.0.0.1:8000", "http://evil.example", "null", ""] {
            assert_eq!(ask(origin), Err(Reason::Origin), "{origin}");
        }
    }
}
