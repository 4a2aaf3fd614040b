//! The file that the harness writes for peers in other languages: little-endian i32 and nothing else.
//!
//! `MAGIC S A U`, then for each adgroup the number of include groups, each group as its length and segment numbers, and
//! the excludes likewise; then each user as a length and segment numbers. It is what benches/workload.py calls w.bin.

use std::error::Error;

const MAGIC: i32 = 0x5731_0001;

/// Include groups and excludes.
pub struct Adgroup {
    pub include: Vec<Vec<i32>>,
    pub exclude: Vec<i32>,
}

/// Adgroups, numbered in their order, and users.
pub struct Workload {
    pub adgroups: Vec<Adgroup>,
    users: Vec<Vec<i32>>,
}

struct Reader(std::vec::IntoIter<i32>);

impl Reader {
    fn number(&mut self) -> Result<i32, Box<dyn Error>> {
        self.0.next().ok_or_else(|| "the workload ends too early".into())
    }

    fn list(&mut self) -> Result<Vec<i32>, Box<dyn Error>> {
        let length = self.number()?;
        (0..length).map(|_| self.number()).collect()
    }
}

impl Workload {
    pub fn read(path: &str) -> Result<Self, Box<dyn Error>> {
        let bytes = std::fs::read(path)?;
        let (words, _) = bytes.as_chunks::<4>();
        let numbers: Vec<i32> = words.iter().map(|word| i32::from_le_bytes(*word)).collect();
        let mut reader = Reader(numbers.into_iter());
        if reader.number()? != MAGIC {
            return Err(format!("{path}: not a workload").into());
        }
        let (_segments, adgroups, users) = (reader.number()?, reader.number()?, reader.number()?);
        let adgroups = (0..adgroups).map(|_| {
            let groups = reader.number()?;
            let include = (0..groups).map(|_| reader.list()).collect::<Result<_, _>>()?;
            Ok(Adgroup { include, exclude: reader.list()? })
        });
        let adgroups = adgroups.collect::<Result<_, Box<dyn Error>>>()?;
        let users = (0..users).map(|_| reader.list()).collect::<Result<_, _>>()?;
        Ok(Self { adgroups, users })
    }

    pub fn users(&self, first: usize, count: usize) -> Result<&[Vec<i32>], Box<dyn Error>> {
        self.users.get(first..first + count).ok_or_else(|| "the file has no such users".into())
    }
}
