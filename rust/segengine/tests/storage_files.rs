//! The folder of files: an acknowledged file survives, a failed one is never acknowledged, nothing else is touched.

use std::io::{self, ErrorKind as Io};

use segengine::ErrorKind;
use segengine::storage::directory::Directory;
use segengine::storage::files::{Folder, is_ours, number_of};
use segengine::storage::memory::MemoryDirectory;

/// Write-class steps of one small file: create, write, sync the file, name it, sync the folder.
const STEPS: usize = 5;
/// Those of them that are syncs.
const SYNCS: [usize; 2] = [2, 4];

#[test]
fn an_acknowledged_file_survives_a_power_cut() {
    let memory = MemoryDirectory::default();
    let name = Folder::over(memory.clone()).create("members-1", 3, b"content").unwrap();
    assert_eq!(memory.steps(), STEPS);
    let left = Folder::over(memory.after_power_cut());
    assert_eq!(left.read(&name, 3).unwrap(), b"content");
}

#[test]
fn the_twin_of_the_disk_does_lose_what_was_not_synced() {
    // The control of the test above: leave out either sync, and the power cut shows it.
    let write = |sync_file: bool, sync_folder: bool| -> io::Result<Option<usize>> {
        let memory = MemoryDirectory::default();
        let mut file = memory.create("members-1")?;
        file.write_all(b"content")?;
        if sync_file {
            file.sync()?;
        }
        if sync_folder {
            memory.sync()?;
        }
        let mut left = Vec::new();
        match memory.after_power_cut().open("members-1") {
            Ok(mut file) => file.read_to_end(&mut left).map(Some),
            Err(_) => Ok(None),
        }
    };
    assert_eq!(write(true, true).unwrap(), Some(7));
    assert_eq!(write(false, true).unwrap(), Some(0), "the entry is there, the content is not");
    assert_eq!(write(true, false).unwrap(), None, "the content is there, the entry is not");
}

#[test]
fn a_failure_at_any_step_is_never_acknowledged_and_a_failed_sync_is_terminal() {
    for kind in [Io::Other, Io::StorageFull] {
        for step in 0..STEPS {
            let memory = MemoryDirectory::default();
            let folder = Folder::over(memory.clone());
            let before = folder.create("members-1", 3, b"before").unwrap();
            memory.fail_at(STEPS + step, kind);
            let error = folder.create("members-2", 3, b"content").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Storage, "step {step}");
            assert!(error.message().contains("members-2"), "{error}");
            assert_eq!(folder.is_poisoned(), SYNCS.contains(&step), "step {step}");
            assert_eq!(memory.list().unwrap(), [before.as_str()], "step {step} left something");
            assert_eq!(folder.read(&before, 3).unwrap(), b"before", "reads go on");
            let again = folder.create("members-3", 3, b"again");
            assert_eq!(again.is_ok(), !SYNCS.contains(&step), "step {step}");
            if kind == Io::StorageFull && !SYNCS.contains(&step) {
                assert_eq!(error.hint_text(), Some("free disk space, then repeat"));
            }
            let left = Folder::over(memory.after_power_cut());
            assert_eq!(left.read(&before, 3).unwrap(), b"before", "step {step} and then a power cut");
        }
    }
}

#[test]
fn a_poisoned_folder_stays_so_although_the_disk_answers_again() {
    let memory = MemoryDirectory::default();
    let folder = Folder::over(memory.clone());
    folder.poison();
    let error = folder.create("members-1", 3, b"content").unwrap_err();
    assert!(error.message().contains("nothing more is acknowledged"), "{error}");
    assert_eq!(memory.steps(), 0, "a poisoned folder touched the disk");
}

#[test]
fn a_name_in_use_is_refused_and_its_file_stays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = Folder::open(&folder.path().join("files")).unwrap();
    let name = folder.create("members-1", 3, b"content").unwrap();
    assert_eq!(folder.write(&name, 3, b"other").unwrap_err().kind(), ErrorKind::Storage);
    assert_eq!(folder.read(&name, 3).unwrap(), b"content");
}

#[test]
fn a_whole_file_that_is_not_the_committed_one_is_found() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::open(temporary.path()).unwrap();
    let one = folder.create("members-1", 3, b"one").unwrap();
    let two = folder.create("members-2", 3, b"two").unwrap();
    std::fs::copy(temporary.path().join(&two), temporary.path().join(&one)).unwrap();
    let error = folder.read(&one, 3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupted);
    assert!(error.message().contains("not the one that was committed"), "{error}");
    std::fs::remove_file(temporary.path().join(&two)).unwrap();
    let error = folder.read(&two, 3).unwrap_err();
    assert!(error.message().contains("it is gone") && error.message().contains(&two), "{error}");
}

#[test]
fn orphans_go_and_what_is_not_ours_stays() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = Folder::open(temporary.path()).unwrap();
    let kept = folder.create("members-1", 3, b"one").unwrap();
    let orphan = folder.create("identity-2", 1, b"two").unwrap();
    std::fs::write(temporary.path().join("README"), "mine").unwrap();
    std::fs::write(temporary.path().join("Notes-1"), "mine").unwrap();
    std::fs::create_dir(temporary.path().join("backup")).unwrap();
    assert_eq!(folder.remove_orphans(|name| name == kept).unwrap(), [orphan]);
    let mut left: Vec<_> = std::fs::read_dir(temporary.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["Notes-1", "README", "backup", kept.as_str()]);
    folder.remove("identity-2").unwrap();
}

#[test]
fn names_carry_their_number() {
    assert_eq!(number_of("members-7.40516.9a3bc1d2"), Some(7));
    assert_eq!(number_of("members-7"), Some(7));
    assert_eq!(number_of("members"), None);
    assert!(is_ours("seen-12.1.00000000") && !is_ours("README") && !is_ours("-7") && !is_ours("x-y.1"));
}

#[test]
fn a_folder_that_cannot_be_made_says_which() {
    let temporary = tempfile::tempdir().unwrap();
    let file = temporary.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = Folder::open(&file.join("files")).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("file/files"), "{error}");
}
