//! Heads of requests, and what becomes of each.

use sinch_batch_pages::guard::{FirstVisit, Head, PageKey, Refused, Rules, check, first_visit};

const KEY: u128 = 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef;

fn open() -> Rules {
    Rules::new(40010)
}

fn locked() -> Rules {
    open().with_key(PageKey::from_bits(KEY))
}

fn head<'a>(method: &'a str, target: &'a str, headers: &'a [(&'a str, &'a str)]) -> Head<'a> {
    Head::new(method, target, headers.iter().map(|(name, value)| (*name, value.as_bytes())))
}

#[test]
fn host_has_to_be_ours() {
    let named = Rules::new(40010).with_name("pages.example");
    let at_80 = Rules::new(80);
    for (host, rules, ours) in [
        ("localhost:40010", open(), true),
        ("LocalHost:40010", open(), true),
        ("127.0.0.1:40010", open(), true),
        ("[::1]:40010", open(), true),
        ("pages.example:40010", named.clone(), true),
        ("localhost", at_80.clone(), true),
        ("[::1]", at_80.clone(), true),
        ("localhost:80", at_80, true),
        ("pages.example:40010", open(), false),
        ("evil.example:40010", named, false),
        ("127.0.0.1.evil.example:40010", open(), false),
        ("localhost:40011", open(), false),
        ("localhost", open(), false),
        ("[::1]", open(), false),
        ("::1:40010", open(), false),
        ("[::2]:40010", open(), false),
        ("127.0.0.2:40010", open(), false),
        ("localhost.:40010", open(), false),
        ("localhost:40010@evil.example", open(), false),
        ("evil@localhost:40010", open(), false),
        ("localhost:+40010", open(), false),
        ("localhost:", open(), false),
        ("", open(), false),
    ] {
        let expected = if ours { Ok(()) } else { Err(Refused::Host) };
        assert_eq!(check(&head("GET", "/", &[("Host", host)]), &rules), expected, "{host}");
    }
}

#[test]
fn host_is_asked_for_once_and_nowhere_else() {
    let ours = ("host", "localhost:40010");
    assert_eq!(check(&head("GET", "/", &[]), &open()), Err(Refused::Host));
    assert_eq!(check(&head("GET", "/", &[ours, ours]), &open()), Err(Refused::Host));
    for target in ["http://evil.example/", "http://localhost:40010/", "*", ""] {
        assert_eq!(check(&head("GET", target, &[ours]), &open()), Err(Refused::Host), "{target}");
    }
    let not_text = Head::new("GET", "/", [("host", &b"localhost:40010\xff"[..])]);
    assert_eq!(check(&not_text, &open()), Err(Refused::Host));
}

#[test]
fn change_comes_from_our_own_page() {
    let site = |value| ("Sec-Fetch-Site", value);
    let origin = |value| ("Origin", value);
    for (headers, fine) in [
        (vec![site("same-origin")], true),
        (vec![site("same-origin"), origin("http://localhost:40010")], true),
        (vec![origin("http://localhost:40010")], true),
        (vec![origin("http://LOCALHOST:40010")], true),
        // A program that is no browser; there is no key to know.
        (vec![], true),
        (vec![site("same-site")], false),
        (vec![site("cross-site"), origin("http://localhost:40010")], false),
        (vec![site("none")], false),
        (vec![site("same-origin"), site("same-origin")], false),
        (vec![origin("http://evil.example")], false),
        (vec![origin("http://localhost:40011")], false),
        (vec![origin("http://localhost")], false),
        // Ours too, but not the host that was asked for.
        (vec![origin("http://127.0.0.1:40010")], false),
        (vec![origin("null")], false),
        (vec![origin("")], false),
        (vec![origin("localhost:40010")], false),
        (vec![origin("http://localhost:40010.evil.example")], false),
        (vec![origin("http://localhost:40010"), origin("http://evil.example")], false),
    ] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "get"] {
            let mut all = vec![("Host", "localhost:40010")];
            all.extend(&headers);
            let expected = if fine { Ok(()) } else { Err(Refused::Origin) };
            assert_eq!(check(&head(method, "/inbox/faults", &all), &open()), expected, "{method} {headers:?}");
            assert_eq!(check(&head("GET", "/inbox/faults", &all), &open()), Ok(()), "{headers:?}");
        }
    }
}

#[test]
fn key_is_known_by_url_cookie_or_bearer() {
    let key = "0123456789abcdef0123456789abcdef";
    let cookie = format!("other=1; sinch_batch_40010={key}");
    let other_port = format!("sinch_batch_40011={key}");
    let bearer = format!("Bearer {key}");
    let (by_url, with_more) = (format!("/?key={key}"), format!("/c/autumn?after=7&key={key}"));
    let same = ("sec-fetch-site", "same-origin");
    for (method, target, headers, expected) in [
        ("GET", "/", vec![], Err(Refused::Key)),
        ("GET", &*by_url, vec![], Ok(())),
        ("GET", &*with_more, vec![], Ok(())),
        ("GET", "/?key=0123456789abcdef0123456789abcdee", vec![], Err(Refused::Key)),
        ("GET", "/?key=", vec![], Err(Refused::Key)),
        ("GET", "/?monkey=0123456789abcdef0123456789abcdef", vec![], Err(Refused::Key)),
        ("GET", "/", vec![("cookie", &*cookie)], Ok(())),
        ("GET", "/", vec![("cookie", "a=b"), ("cookie", &*cookie)], Ok(())),
        ("GET", "/", vec![("cookie", &*other_port)], Err(Refused::Key)),
        ("GET", "/", vec![("cookie", "sinch_batch_40010=")], Err(Refused::Key)),
        ("GET", "/", vec![("authorization", &*bearer)], Ok(())),
        ("GET", "/", vec![("authorization", "Bearer 0")], Err(Refused::Key)),
        ("POST", "/", vec![("cookie", &*cookie), same], Ok(())),
        ("POST", "/", vec![same], Err(Refused::Key)),
        ("POST", "/", vec![("authorization", &*bearer)], Ok(())),
        // Neither header, and only the cookie: not from a browser of today, and not from a program.
        ("POST", "/", vec![("cookie", &*cookie)], Err(Refused::Origin)),
        ("POST", "/", vec![], Err(Refused::Origin)),
        ("POST", &*by_url, vec![same], Err(Refused::Key)),
        ("POST", "/", vec![("authorization", &*bearer), ("origin", "http://evil.example")], Err(Refused::Origin)),
    ] {
        let mut all = vec![("host", "127.0.0.1:40010")];
        all.extend(headers);
        assert_eq!(check(&head(method, target, &all), &locked()), expected, "{method} {target} {all:?}");
    }
}

#[test]
fn first_visit_removes_the_key_from_the_url() {
    let key = "0123456789abcdef0123456789abcdef";
    let visit = |target: &str| first_visit(&head("GET", target, &[("host", "localhost:40010")]), &locked());
    let set_cookie = format!("sinch_batch_40010={key}; HttpOnly; SameSite=Strict; Path=/");
    for (target, location) in [
        (format!("/?key={key}"), "/"),
        (format!("/c/autumn?key={key}&after=7"), "/c/autumn?after=7"),
        (format!("/c?a=1&key={key}&b=2"), "/c?a=1&b=2"),
        // Not to another host.
        (format!("//evil.example/?key={key}"), "/evil.example/"),
        (format!("/\\evil.example/?key={key}"), "/evil.example/"),
    ] {
        let expected = FirstVisit { set_cookie: set_cookie.clone(), location: location.to_owned() };
        assert_eq!(visit(&target), Some(expected), "{target}");
    }
    assert_eq!(visit("/"), None);
    assert_eq!(visit("/?key=wrong"), None);
    assert_eq!(first_visit(&head("GET", &format!("/?key={key}"), &[]), &open()), None);
}

#[test]
fn debug_of_guard_shows_no_key() {
    let key = "0123456789abcdef0123456789abcdef";
    let cookie = format!("sinch_batch_40010={key}");
    let bearer = format!("Bearer {key}");
    let headers = [("host", "localhost:40010"), ("cookie", &*cookie), ("authorization", &*bearer)];
    let by_url = format!("/?key={key}");
    let head = head("GET", &by_url, &headers);
    let visit = first_visit(&head, &locked());
    let shown = format!("{head:?} {:?} {visit:?}", locked());
    assert!(visit.is_some() && !shown.contains(key) && !shown.contains("0123456789"), "{shown}");
}
