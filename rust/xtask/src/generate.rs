//! From proto files to the Rust code and the descriptor set that the server embeds.

use std::path::{Path, PathBuf};

use protox::Compiler;
use protox::prost_reflect::DescriptorPool;

use crate::Outcome;

/// Where generated Rust code is committed, below the root.
const GENERATED: &str = "rust/segengine-server/src/generated";

/// The compiled protos.
pub(crate) struct Protos {
    /// Every descriptor, with the comments of the sources.
    pub(crate) pool: DescriptorPool,
    with_comments: protox::prost_reflect::prost_types::FileDescriptorSet,
    embedded: Vec<u8>,
}

/// Reads all protos of the API and checks that each method has a policy.
pub(crate) fn compile(proto: &Path) -> Outcome<Protos> {
    let folder = proto.join("segengine/v1");
    let mut names: Vec<String> = std::fs::read_dir(&folder)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "proto"))
        .map(|name| format!("segengine/v1/{name}"))
        .collect();
    names.sort();
    let mut compiler = Compiler::new([proto])?;
    compiler.include_imports(true).include_source_info(true).open_files(&names)?;
    let (pool, with_comments) = (compiler.descriptor_pool(), compiler.file_descriptor_set());
    compiler.include_source_info(false);
    let protos = Protos { pool, with_comments, embedded: compiler.encode_file_descriptor_set() };
    check_policies(&protos.pool)?;
    Ok(protos)
}

/// Every method declares roles and a tenant rule.
fn check_policies(pool: &DescriptorPool) -> Outcome {
    let policy = pool.get_extension_by_name("segengine.v1.policy").ok_or("policy.proto has no `policy` option")?;
    for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
        if !method.options().has_extension(&policy) {
            return Err(format!("{}: the method has no policy option", method.full_name()).into());
        }
    }
    Ok(())
}

/// Messages, services and the descriptor set.
pub(crate) fn rust_files(protos: &Protos) -> Outcome<Vec<(PathBuf, Vec<u8>)>> {
    let folder = std::env::temp_dir().join(format!("segengine-codegen-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let generated = tonic_prost_build::configure()
        .out_dir(&folder)
        .bytes(".")
        .build_transport(true)
        .compile_fds(protos.with_comments.clone())
        .and_then(|()| std::fs::read(folder.join("segengine.v1.rs")));
    std::fs::remove_dir_all(&folder)?;
    Ok(vec![
        (Path::new(GENERATED).join("segengine.v1.rs"), generated?),
        (Path::new(GENERATED).join("segengine.v1.descriptors.bin"), protos.embedded.clone()),
    ])
}
