//! Reading back: the stored lines of several resources in the order of their stamps.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead as _, BufReader, Chain, Read},
    path::Path,
};

use super::{Line, Stream};

/// What is put together of a line's parts; more of it is told to be missing.
const LINE_BYTES: usize = 1 << 20;

type Reader = BufReader<Chain<Box<dyn Read + Send>, Box<dyn Read + Send>>>;

/// Records of several resources, merged by stamp.
pub struct History {
    sources: Vec<Source>,
}

struct Source {
    resource: String,
    reader: Reader,
    next: Option<Line>,
}

impl History {
    /// Opens the logs of `resources` in `dir`; only what comes after the stamp that `after` has for it, if any.
    ///
    /// # Errors
    /// When a log that is there cannot be read.
    pub fn open(dir: &Path, resources: &[String], after: Option<&BTreeMap<String, u64>>) -> io::Result<Self> {
        let mut sources = Vec::new();
        for resource in resources {
            let path = dir.join(format!("{resource}.log"));
            // The older one last: if it is made just now, it holds what the newer one held before.
            let newer = open_if_there(&path)?;
            let older = open_if_there(&path.with_extension("log.1"))?;
            let mut source = Source {
                resource: resource.clone(),
                reader: BufReader::with_capacity(1 << 16, older.chain(newer)),
                next: None,
            };
            let after = after.and_then(|stamps| stamps.get(resource)).copied().unwrap_or(0);
            source.advance();
            while source.next.as_ref().is_some_and(|line| line.stamp <= after) {
                source.advance();
            }
            sources.push(source);
        }
        Ok(Self { sources })
    }
}

impl Iterator for History {
    type Item = (String, Line);

    fn next(&mut self) -> Option<Self::Item> {
        let with_line = self.sources.iter_mut().filter(|source| source.next.is_some());
        let first = with_line.min_by_key(|source| source.next.as_ref().map(|line| line.stamp))?;
        let line = first.next.take()?;
        first.advance();
        Some((first.resource.clone(), line))
    }
}

impl Source {
    /// To the next record that makes sense; a torn one is passed over.
    fn advance(&mut self) {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            // A log that cannot be read any further ends here.
            match self.reader.read_until(b'\n', &mut bytes) {
                // No newline: it is being written just now.
                Ok(_) if bytes.last() != Some(&b'\n') => return self.next = None,
                Ok(_) => {}
                Err(_) => return self.next = None,
            }
            if let Some(line) = parse(&bytes[..bytes.len() - 1]) {
                return self.next = Some(line);
            }
        }
    }
}

fn open_if_there(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    match File::open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Box::new(io::empty())),
        Err(error) => Err(error),
    }
}

fn parse(record: &[u8]) -> Option<Line> {
    let digits = record.iter().position(|byte| !byte.is_ascii_digit())?;
    let stamp = std::str::from_utf8(&record[..digits]).ok()?.parse().ok()?;
    let (stream, partial) = match record.get(digits)? {
        b'o' => (Stream::Stdout, false),
        b'O' => (Stream::Stdout, true),
        b'e' => (Stream::Stderr, false),
        b'E' => (Stream::Stderr, true),
        _ => return None,
    };
    let bytes = record.get(digits + 1..)?.strip_prefix(b" ")?.to_owned();
    Some(Line { stamp, stream, partial, bytes })
}

/// Puts lines together from their parts.
#[derive(Debug, Default)]
pub struct Assembler {
    parts: BTreeMap<(String, Stream), (Vec<u8>, usize)>,
}

impl Assembler {
    /// Takes a record; answers with a line once it is whole, and how many of its bytes are left out because it is so
    /// long.
    pub fn add(&mut self, resource: &str, mut line: Line) -> Option<(Line, usize)> {
        let key = (resource.to_owned(), line.stream);
        if !line.partial && !self.parts.contains_key(&key) {
            return Some((line, 0));
        }
        let (whole, left_out) = self.parts.entry(key.clone()).or_default();
        let fits = line.bytes.len().min(LINE_BYTES - whole.len().min(LINE_BYTES));
        whole.extend_from_slice(&line.bytes[..fits]);
        *left_out += line.bytes.len() - fits;
        if line.partial {
            return None;
        }
        let (whole, left_out) = self.parts.remove(&key)?;
        line.bytes = whole;
        Some((line, left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Store;
    use proptest::prelude::*;

    #[test]
    fn lines_of_several_resources_come_back_in_the_order_they_were_written() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::new(dir.path().to_owned());
        for n in 0..6_u8 {
            let log = store.log(if n % 2 == 0 { "a" } else { "b" }).expect("a log is opened");
            log.write(Stream::Stdout, vec![(vec![b'0' + n], false)]).expect("a line is written");
        }
        let both = ["a".to_owned(), "b".to_owned(), "none".to_owned()];
        let read: Vec<_> = History::open(dir.path(), &both, None).expect("the logs are read").collect();
        let text: Vec<u8> = read.iter().map(|(_, line)| line.bytes[0]).collect();
        assert_eq!(text, b"012345");

        let after = BTreeMap::from([("a".to_owned(), read[2].1.stamp), ("b".to_owned(), read[5].1.stamp)]);
        let rest: Vec<_> = History::open(dir.path(), &both, Some(&after)).expect("the logs are read").collect();
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].1.bytes, b"4");
    }

    #[test]
    fn a_record_torn_by_a_kill_costs_only_itself() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(dir.path().join("a.log"), b"1o one\n2o tw").expect("a torn log is written");
        let log = Store::new(dir.path().to_owned()).log("a").expect("a log is opened");
        log.write(Stream::Stderr, vec![(b"three".to_vec(), false)]).expect("a line is written");
        let lines: Vec<_> = History::open(dir.path(), &["a".to_owned()], None)
            .expect("the log is read")
            .map(|(_, line)| String::from_utf8_lossy(&line.bytes).into_owned())
            .collect();
        assert_eq!(lines, ["one", "tw", "three"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_bytes_in_a_log_break_its_reading(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            std::fs::write(dir.path().join("a.log"), &bytes).expect("a log is written");
            let mut assembler = Assembler::default();
            for (resource, line) in History::open(dir.path(), &["a".to_owned()], None).expect("the log is read") {
                assembler.add(&resource, line);
            }
        }

        #[test]
        fn a_record_is_read_as_it_was_written(bytes in proptest::collection::vec(any::<u8>(), 0..300), partial: bool) {
            prop_assume!(!bytes.contains(&b'\n'));
            let dir = tempfile::tempdir().expect("a temporary directory");
            let log = Store::new(dir.path().to_owned()).log("a").expect("a log is opened");
            let written = log.write(Stream::Stderr, vec![(bytes, partial)]).expect("a line is written");
            let read: Vec<_> = History::open(dir.path(), &["a".to_owned()], None).expect("the log is read").map(|(_, line)| line).collect();
            prop_assert_eq!(read, written);
        }
    }
}
