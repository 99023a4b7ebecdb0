//! Generates the Rust of `proto/` from its `.proto` files, without protoc.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use prost::Message as _;

/// Why the contracts could not be generated, or do not match what is committed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("no .proto file in {0}")]
    NoContracts(PathBuf),
    #[error("{0}")]
    Compile(#[from] protox::Error),
    #[error("cannot generate Rust: {0}")]
    Generate(io::Error),
}

/// One generated file: where it belongs and what it must hold.
pub(crate) struct Generated {
    pub(crate) path: PathBuf,
    pub(crate) content: Vec<u8>,
}

impl Generated {
    /// Whether the file on disk is what the contracts say.
    pub(crate) fn is_current(&self) -> bool {
        fs::read(&self.path).is_ok_and(|found| found == self.content)
    }

    /// Writes the file in one step, so that a build beside it never reads half of it.
    pub(crate) fn write(&self) -> Result<(), Error> {
        let write = |path: &Path| -> io::Result<()> {
            fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            let draft = path.with_extension(format!("{}.tmp", std::process::id()));
            fs::write(&draft, &self.content)?;
            fs::rename(&draft, path)
        };
        write(&self.path).map_err(|source| Error::Write { path: self.path.clone(), source })
    }
}

/// Compiles every `.proto` of `proto_dir`; answers with the files of `src/generated`.
///
/// # Errors
/// When the folder cannot be read, holds no contract, or a contract does not compile.
pub(crate) fn generate(proto_dir: &Path) -> Result<Vec<Generated>, Error> {
    let read_error = |source| Error::Read { path: proto_dir.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(proto_dir).map_err(read_error)? {
        let path = entry.map_err(read_error)?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Error::NoContracts(proto_dir.to_owned()));
    }
    files.sort();
    let descriptors = protox::compile(&files, [proto_dir])?;

    let scratch = Scratch::create().map_err(Error::Generate)?;
    // The wrappers are plain values in Rust; tonic wants their full paths where they are a method's own message.
    tonic_prost_build::configure()
        .compile_well_known_types(true)
        .extern_path(".google.protobuf.UInt64Value", "::core::primitive::u64")
        .extern_path(".google.protobuf.StringValue", "::prost::alloc::string::String")
        .out_dir(&scratch.0)
        .compile_fds(descriptors.clone())
        .map_err(Error::Generate)?;
    let rust = fs::read(scratch.0.join("pb.rs")).map_err(Error::Generate)?;

    let generated = proto_dir.join("src/generated");
    Ok(vec![
        Generated { path: generated.join("pb.rs"), content: rust },
        Generated { path: generated.join("descriptor.bin"), content: descriptors.encode_to_vec() },
    ])
}

/// A folder of this process that goes with it: the generator only writes to folders.
struct Scratch(PathBuf);

impl Scratch {
    fn create() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("shopctl-proto-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Only a leftover in the temporary folder if it fails.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_code_is_what_the_contracts_give() {
        let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
        for file in generate(&contracts).expect("the contracts compile") {
            assert!(file.is_current(), "{} drifted: run `shopctl proto`", file.path.display());
        }
    }
}
