use std::sync::Arc;
use std::time::Duration;
use tenantry_edge::directory::{Directory, Limits};
use tenantry_model::{KeyKind, token::ContextKey};
use tenantry_proxy::settings::*;
use tenantry_proxy::{Proxy, Settings};
use tenantry_wire::scram::Verifier;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (port, n) = (a[1].parse().unwrap(), a[2].parse::<usize>().unwrap());
    let key = a.get(3).cloned();
    let slots = if key.is_some() { (1..=n).map(|i| SlotLogin { user: format!("app_slot_{i:02}"), password: "secret".to_string().into() }).collect() }
      else { (0..n).map(|_| SlotLogin { user: "postgres".into(), password: "secret".to_string().into() }).collect() };
    let db = Database { name: "bench".into(), server_name: "bench".into(), server: Server { host: "127.0.0.1".into(), port: 55432, tls: None },
        slots, context_key: key.map(|k| { let b: Box<dyn Fn() -> ContextKey + Send + Sync> = Box::new(move || ContextKey::from_hex(1, &k).unwrap()); b }),
        pass_keys: None, directory: Directory::open(KeyKind::Uuid, Limits::NONE), mode: Mode::Transaction,
        lifetime: Duration::from_secs(3600), idle_time: Duration::from_secs(600), connect_within: Duration::from_secs(10) };
    let l = LoginSettings { name: "postgres".into(), verifier: Some(Verifier::from_password(b"secret", b"0123456789abcdef", 4096).unwrap()), databases: vec![], admin: false, mode: None, certificate: None };
    let s = Settings { listen: vec![format!("127.0.0.1:{port}").parse().unwrap()].into_iter().map(|s: std::net::SocketAddr| s).collect(), socket_folder: None, workers: 1, databases: vec![Arc::new(db)], logins: vec![Arc::new(l)],
        separator: '.', presets: vec!["app.tenant_id".into()], parameters: vec![], tls: None, clients_max: 20000, prepared_max: 500, queue_wait: Duration::from_secs(60), login_within: Duration::from_secs(15), drain_within: Duration::from_secs(5), mock_secret: [7; 32] };
    let _p = Proxy::start(s).unwrap();
    loop { std::thread::park(); }
}
