//! The binary: what it prints, how it ends, what its exit code says.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use crate::house::{dial, person};
use segengine_server::v1;

fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_segengine-server"));
    command.env_remove("SEGENGINE_KEY_FILE").env_remove("SEGENGINE_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// One line says what is served where; the port answers; SIGTERM ends it with 0 and lets the directory go.
#[tokio::test]
async fn it_serves_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for _ in 0..2 {
        let mut child = binary().arg(&data).args(["--listen", "127.0.0.1:0"]).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("segengine 0.") && line.ends_with("no credentials: loopback only\n"), "{line}");
        let target = line.split(" · gRPC ").nth(1).unwrap().split(' ').next().unwrap();
        let mut client = v1::targeting_client::TargetingClient::new(dial(target).await);
        let candidates = Some(v1::match_request::Candidates::All(true));
        let asked = v1::MatchRequest { identifiers: vec![person(0)], candidates, ..Default::default() };
        assert_eq!(client.r#match(asked).await.unwrap().into_inner().identified, 0);
        let locked = binary().arg(&data).args(["--listen", "127.0.0.1:0"]).output().unwrap();
        assert_eq!(locked.status.code(), Some(1), "the directory is open elsewhere");
        assert!(said(&locked).contains(target), "it says whom to ask instead: {}", said(&locked));
        let taken = binary().arg(folder.path().join("other")).args(["--listen", target]).output().unwrap();
        assert_eq!(taken.status.code(), Some(1));
        assert!(said(&taken).contains("is in use") && said(&taken).contains("hint:"), "{}", said(&taken));
        assert!(!folder.path().join("other").exists(), "nothing was made before the port was claimed");
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(told.success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

/// A wrong command line is 2 with the usage; an address that is not ours is 1 with a sentence.
#[test]
fn what_cannot_be_served_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for arguments in [&[][..], &["--nonsense"], &["a", "b"], &["--listen"]] {
        let output = binary().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said(&output).contains("usage: segengine-server DATA"), "{arguments:?}");
    }
    let output = binary().arg(&data).args(["--listen", "0.0.0.0:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("only loopback addresses are served"), "{}", said(&output));
    let version = binary().arg("--version").output().unwrap();
    assert_eq!((version.status.code(), version.stdout.starts_with(b"segengine 0.")), (Some(0), true));
}
