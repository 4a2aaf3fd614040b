//! The data directory, its lock and its key file: what may be opened, by whom, and what is left alone.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use segengine::storage::{data_directory, key_file};
use segengine::{Error, ErrorKind};

const HOLD: &str = "SEGENGINE_TEST_HOLD_DIRECTORY";
const TARGET: &str = "SEGENGINE_TEST_PUBLISH_TARGET";

fn refusal(path: &Path, create: bool) -> Error {
    data_directory::open(path, create).err().unwrap_or_else(|| panic!("{} was opened", path.display()))
}

/// Not a test of its own: the second process of the tests below is this program, told to run only this.
#[test]
fn holds_the_directory_when_told_to() {
    let Some(path) = std::env::var_os(HOLD) else { return };
    let lock = data_directory::open(Path::new(&path), true).unwrap();
    if let Ok(target) = std::env::var(TARGET) {
        lock.say(Some(&target)).unwrap();
    }
    println!("\nholding");
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

struct Holder(Child);

impl Holder {
    fn start(path: &Path, target: Option<&str>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "holds_the_directory_when_told_to", "--nocapture"]).env(HOLD, path);
        command.envs(target.map(|target| (TARGET, target)));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap() == "holding"), "the other process did not open the directory");
        Self(child)
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_second_process_is_told_who_holds_the_directory_and_where_to_ask() {
    let folder = tempfile::tempdir().unwrap();
    let mut holder = Holder::start(folder.path(), Some("127.0.0.1:50051"));
    let error = refusal(folder.path(), true);
    assert_eq!(error.kind(), ErrorKind::DirectoryLocked);
    assert!(error.message().ends_with(&format!("is open in process {}", holder.0.id())), "{error}");
    assert!(error.hint_text().unwrap().contains("--target 127.0.0.1:50051"), "{:?}", error.hint_text());
    // However the holder ends, the kernel lets go.
    holder.kill();
    drop(data_directory::open(folder.path(), false).unwrap());
    let _again = Holder::start(folder.path(), None);
    let error = refusal(folder.path(), true);
    assert!(error.hint_text().unwrap().contains("stop that process"), "{:?}", error.hint_text());
}

#[test]
fn the_same_process_is_told_so_whatever_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let lock = data_directory::open(&data, true).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&data, &link).unwrap();
    for path in [data.clone(), link, data.join("../data")] {
        let error = refusal(&path, true);
        assert_eq!(error.kind(), ErrorKind::DirectoryLocked);
        assert!(error.message().contains("already open in this process"), "{error}");
    }
    drop(lock);
    drop(data_directory::open(&data, false).unwrap());
    drop(data_directory::open(&data, false).unwrap());
}

#[test]
fn a_directory_is_made_with_those_above_it_and_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("a/b/data");
    let error = refusal(&data, false);
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!folder.path().join("a").exists());
    drop(data_directory::open(&data, true).unwrap());
    assert_eq!(fs::read_to_string(data.join("FORMAT")).unwrap(), "segengine data directory, format 1\n");
    drop(data_directory::open(&data, false).unwrap());
}

#[test]
fn what_is_not_ours_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(refusal(&file, true).message().contains("is a file, not a data directory"));
    let foreign = folder.path().join("photos");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("cat.jpg"), "x").unwrap();
    let error = refusal(&foreign, true);
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert!(error.message().contains("not a segengine data directory"), "{error}");
    assert_eq!(fs::read_dir(&foreign).unwrap().count(), 1, "something was made in a foreign folder");
}

#[test]
fn a_newer_or_damaged_format_is_refused_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let format = folder.path().join("FORMAT");
    fs::write(&format, "segengine data directory, format 2\n").unwrap();
    let error = refusal(folder.path(), true);
    assert_eq!(error.kind(), ErrorKind::FailedPrecondition);
    assert!(error.message().contains("newer segengine (format 2, this one reads 1)"), "{error}");
    fs::write(&format, "segengine data directory, format x\n").unwrap();
    assert_eq!(refusal(folder.path(), true).kind(), ErrorKind::Corrupted);
    fs::write(folder.path().join("catalog.sqlite"), "x").unwrap();
    fs::remove_file(&format).unwrap();
    assert_eq!(refusal(folder.path(), true).kind(), ErrorKind::Corrupted);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_making_that_was_cut_short_anywhere_is_finished_by_the_next_opening() {
    let whole = "segengine data directory, format 1\n";
    for end in 0..=whole.len() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("LOCK"), "4711\n\n").unwrap();
        fs::write(folder.path().join("FORMAT.new"), &whole[..end]).unwrap();
        drop(data_directory::open(folder.path(), true).unwrap());
        assert_eq!(fs::read_to_string(folder.path().join("FORMAT")).unwrap(), whole);
        fs::write(folder.path().join("FORMAT"), &whole[..end]).unwrap();
        fs::create_dir(folder.path().join("files")).unwrap();
        fs::create_dir(folder.path().join("lost+found")).unwrap();
        drop(data_directory::open(folder.path(), true).unwrap());
        assert_eq!(fs::read_to_string(folder.path().join("FORMAT")).unwrap(), whole, "cut at {end}");
    }
}

#[test]
fn a_key_file_is_made_once_whoever_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.key");
    let made: Vec<bool> = std::thread::scope(|scope| {
        let makers: Vec<_> = (1..=8)
            .map(|key| {
                scope.spawn({
                    let path = &path;
                    move || key_file::create(path, &[key; 32]).is_ok()
                })
            })
            .collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).collect()
    });
    assert_eq!(made.iter().filter(|&&made| made).count(), 1);
    let winner = u8::try_from(made.iter().position(|&made| made).unwrap() + 1).unwrap();
    assert_eq!(key_file::read(&path).unwrap(), Some(([winner; 32], None)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something was left aside");
}

#[test]
fn a_key_file_that_others_can_read_is_warned_of_and_one_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.key");
    assert_eq!(key_file::read(&path).unwrap(), None);
    key_file::create(&path, &[0xab; 32]).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("segengine-key-1 {}\n", "ab".repeat(32)));
    for mode in [0o640, 0o604, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let (_, warning) = key_file::read(&path).unwrap().unwrap();
        assert!(warning.unwrap().contains(&format!("mode {mode:03o}): chmod 600")));
    }
    let key = "ab".repeat(32);
    for text in [
        "",
        "hello",
        &key,
        &format!("segengine-key-1 {}", &key[1..]),
        &format!("segengine-key-1 +{}", &key[1..]),
        &format!("segengine-key-2 {key}"),
    ] {
        fs::write(&path, text).unwrap();
        let error = key_file::read(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{text:?}");
        assert!(!error.message().contains("abab"), "a message shows a key");
    }
    fs::write(&path, [0xff; 64]).unwrap();
    assert_eq!(key_file::read(&path).unwrap_err().kind(), ErrorKind::Corrupted);
    assert_eq!(key_file::read(folder.path()).unwrap_err().kind(), ErrorKind::Storage);
    let error = key_file::create(&folder.path().join("missing/data.key"), &[1; 32]).unwrap_err();
    assert!(error.message().contains("missing/data.key"), "{error}");
}
