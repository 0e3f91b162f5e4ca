//! The way to a server elsewhere.

use sinch_batch_ledger::{Ledger, LedgerErrorKind, PostgresLedger};

use super::server::own_server_with_tls;

#[tokio::test]
async fn server_is_known_by_its_certificate_and_name() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    // Nobody else takes the port between this line and the server's start, most likely.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some(server) = own_server_with_tls(port, [&own.cert.pem(), &own.signing_key.serialize_pem()]) else { return };
    for (file, pem) in [("own.pem", own.cert.pem()), ("other.pem", other.cert.pem())] {
        std::fs::write(server.folder().join(file), pem).unwrap();
    }
    let folder = server.folder().display();
    let url = |host: &str, options: &str| format!("postgres://tester@{host}:{port}/postgres?{options}");
    let trusted = format!("sslmode=verify-full&sslrootcert={folder}/own.pem");

    let ledger = PostgresLedger::open(&url("localhost", &trusted)).await.unwrap();
    assert!(ledger.campaigns().await.unwrap().is_empty());
    let uses = "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) \
                WHERE s.ssl AND a.application_name = 'sinch-batch'";
    assert_ne!(server.psql_at(port, uses), "0\n");

    for (host, options) in [
        ("127.0.0.1", trusted.clone()),
        ("localhost", format!("sslmode=require&sslrootcert={folder}/other.pem")),
        ("localhost", "sslmode=require".to_owned()),
    ] {
        let error = PostgresLedger::open(&url(host, &options)).await.unwrap_err();
        assert_eq!(error.kind(), LedgerErrorKind::Open, "{host} {options}: {error:?}");
    }
}
