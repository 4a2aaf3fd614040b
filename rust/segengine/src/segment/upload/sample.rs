//! The sample file that shows how a customer file looks: what `segengine sample` prints and the site offers.

use crate::identity::{email, hex};

/// The header of the sample.
const HEADER: &str = "email_md5";
/// Its lines: a few more than the smallest segment has.
const LINES: usize = 60;

/// A file that uploads as it is: a header and the MD5 of `user01@example.com` to `user60@example.com`.
#[must_use]
pub fn sample_file() -> String {
    let hash = |number| email::powerspace_md5(&format!("user{number:02}@example.com"));
    let lines = (1..=LINES).filter_map(hash).map(|digest| hex::encode(&digest));
    [HEADER.to_owned()].into_iter().chain(lines).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use md5::{Digest as _, Md5};

    use super::*;

    /// The sample is what its description says.
    #[test]
    fn lines_are_the_documented_hashes() {
        let sample = sample_file();
        let lines: Vec<&str> = sample.lines().collect();
        assert_eq!(lines.len(), 1 + LINES);
        assert_eq!(lines[0], HEADER);
        assert_eq!(lines[1], hex::encode(&Md5::digest("user01@example.com")));
        assert_eq!(lines[LINES], hex::encode(&Md5::digest("user60@example.com")));
    }
}
