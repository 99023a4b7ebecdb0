//! Pulls from a registry of our own. Docker lets registries on loopback do without TLS.

use std::{
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use bollard::{
    body_full,
    models::{ContainerConfig, ContainerCreateBody},
    query_parameters::{
        CommitContainerOptionsBuilder, CreateImageOptionsBuilder, PushImageOptionsBuilder,
        RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder, UploadToContainerOptionsBuilder,
    },
};
use futures::TryStreamExt;
use libtest_mimic::Trial;
use shopctl_docker::{
    Daemon, Error,
    image::{self, Credentials, Phase, Progress},
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{REGISTRY, Setting, Test, docker, free_port, ignored, until, write};

const TESTS: &[Test] = &[
    ("a_pull_tells_its_progress_in_bytes", |daemon| Box::pin(pull(daemon))),
    ("an_image_that_does_not_exist_and_a_registry_that_is_away_are_told_apart", |daemon| Box::pin(failures(daemon))),
    ("a_private_registry_wants_the_users_credentials", |daemon| Box::pin(private(daemon))),
    ("an_interrupted_pull_goes_on_later", |daemon| Box::pin(interrupted(daemon))),
];

/// `me` and a password that reads otherwise in the two alphabets of base64, hashed by `htpasswd -Bbn`.
const PASSWORD: &str = "sec~ret?>";
const HTPASSWD: &str = "me:$2y$05$SuvNbzHlg2Ys1.jZdahdp..Yg7VVwqhB8tMoMSfWPSu2P.9EPjZa.\n";
/// Of the larger layer, which does not compress.
const LAYER: usize = 12 << 20;

pub(crate) fn trials(setting: &Setting) -> Vec<Trial> {
    match &setting.registry {
        Ok(()) => setting.trials(TESTS),
        Err(reason) => TESTS.iter().map(|(name, _)| ignored(name, &format!("{REGISTRY}: {reason}"))).collect(),
    }
}

/// A registry and the images in it; all go with it.
struct Registry {
    port: u16,
    server: Child,
    folder: TempDir,
    images: Mutex<Vec<String>>,
}

impl Registry {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let server = serve(&folder, port, "").await;
        Self { port, server, folder, images: Mutex::default() }
    }

    /// From now on, who comes in needs a password.
    async fn lock(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let path = self.folder.path().join("htpasswd");
        write(&path, HTPASSWD);
        let auth = format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", path.display());
        self.server = serve(&self.folder, self.port, &auth).await;
    }

    fn image(&self, name: &str) -> String {
        self.at(self.port, name)
    }

    fn at(&self, port: u16, name: &str) -> String {
        let image = format!("127.0.0.1:{port}/{name}");
        self.images.lock().expect("no panic").push(image.clone());
        image
    }

    /// Pushes an image of two layers and forgets it.
    async fn publish(&self, name: &str) {
        let docker = docker();
        let image = self.image(name);
        let (repository, tag) = image.rsplit_once(':').expect("with a tag");
        let options = CreateImageOptionsBuilder::default().from_src("-").repo(repository).tag(tag).build();
        let base = body_full(tar("small", format!("base of {image}").as_bytes()).into());
        docker.create_image(Some(options), Some(base), None).try_collect::<Vec<_>>().await.expect("it is imported");
        let body = ContainerCreateBody {
            image: Some(image.clone()),
            cmd: Some(vec!["none".into()]),
            ..ContainerCreateBody::default()
        };
        let container = docker.create_container(None, body).await.expect("a container").id;
        let mut large = vec![0; LAYER];
        let mut seed = u64::from(self.port) << 20 | 1;
        for word in large.chunks_mut(8) {
            // xorshift: no compression, and another layer in each registry.
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            word.copy_from_slice(&seed.to_le_bytes()[..word.len()]);
        }
        let options = UploadToContainerOptionsBuilder::default().path("/").build();
        let upload = body_full(tar("large", &large).into());
        docker.upload_to_container(&container, Some(options), upload).await.expect("it is uploaded");
        let options = CommitContainerOptionsBuilder::default().container(&container).repo(repository).tag(tag).build();
        docker.commit_container(options, ContainerConfig::default()).await.expect("it is committed");
        let force = RemoveContainerOptionsBuilder::default().force(true).build();
        docker.remove_container(&container, Some(force)).await.expect("it is removed");
        let options = PushImageOptionsBuilder::default().tag(tag).build();
        let pushed = docker.push_image(repository, Some(options), None);
        pushed.try_collect::<Vec<_>>().await.expect("it is pushed");
        forget(&image).await;
    }
}

async fn serve(folder: &TempDir, port: u16, auth: &str) -> Child {
    let (data, config) = (folder.path().join("data"), folder.path().join("registry.yml"));
    write(
        &config,
        &format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: \"127.0.0.1:{port}\"}}\n{auth}",
            data.display()
        ),
    );
    let mut command = Command::new(REGISTRY);
    command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
    let server = command.spawn().expect("it starts");
    until("the registry", async || tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await;
    server
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let images = self.images.lock().map(|images| images.clone()).unwrap_or_default();
        // Also in the middle of a panic, and of a runtime.
        let forgotten = std::thread::spawn(move || {
            crate::support::block_on(async {
                for image in images {
                    forget(&image).await;
                }
            });
        });
        let _ = forgotten.join();
    }
}

async fn forget(image: &str) {
    let force = RemoveImageOptionsBuilder::default().force(true).build();
    let _ = docker().remove_image(image, Some(force), None).await;
}

/// An archive of one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut archive = vec![0; 512];
    archive[..name.len()].copy_from_slice(name.as_bytes());
    archive[100..107].copy_from_slice(b"0000644");
    archive[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    archive[148..156].copy_from_slice(b"        ");
    archive[156] = b'0';
    archive[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = archive.iter().map(|byte| u32::from(*byte)).sum();
    archive[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

fn nobody() -> Credentials {
    Credentials::from_lookup(|_| None)
}

async fn pulled(daemon: &Daemon, image: &str) -> Result<Vec<Progress>, Vec<Error>> {
    let heard = Mutex::new(Vec::new());
    image::pull(daemon, &[image.to_owned()], &nobody(), &|_, progress| heard.lock().expect("no panic").push(*progress))
        .await?;
    Ok(heard.into_inner().expect("no panic"))
}

async fn pull(daemon: Daemon) {
    let registry = Registry::start().await;
    registry.publish("x:1").await;
    let image = registry.image("x:1");
    image::obtainable(&daemon, &image, &nobody(), Duration::from_secs(20)).await.expect("the registry has it");
    assert_eq!(image::missing(&daemon, &[image.clone(), image.clone()]).await.expect("an answer"), [image.as_str()]);
    let heard = pulled(&daemon, &image).await.expect("it comes");
    assert_eq!(heard.first().map(|progress| progress.phase), Some(Phase::Waiting));
    let last = heard.last().expect("a last one");
    assert_eq!((last.phase, last.layers, last.layers_done), (Phase::Done, 2, 2));
    assert!(last.total > LAYER as u64 && last.downloaded == last.total, "{last:?}");
    assert!(heard.iter().any(|progress| progress.phase == Phase::Downloading && progress.downloaded > 0));
    assert!(heard.windows(2).all(|pair| pair[0].downloaded <= pair[1].downloaded), "it never goes back");
    assert_eq!(image::missing(&daemon, std::slice::from_ref(&image)).await.expect("an answer"), Vec::<String>::new());
    let again = pulled(&daemon, &image).await.expect("it is there");
    assert_eq!(again.last().map(|progress| progress.phase), Some(Phase::Done));
}

async fn failures(daemon: Daemon) {
    let registry = Registry::start().await;
    let none = registry.image("none:1");
    let away = format!("127.0.0.1:{}/x:1", free_port());
    let images = [none.clone(), away.clone()];
    let failed = image::pull(&daemon, &images, &nobody(), &|_, _| {}).await.expect_err("neither comes");
    assert_eq!(failed.len(), 2);
    let kinds = |failed: &[Error]| {
        (
            failed.iter().any(|error| matches!(error, Error::ImageNotFound { image, .. } if *image == none)),
            failed.iter().any(|error| matches!(error, Error::NoNetwork { image, .. } if *image == away)),
        )
    };
    assert_eq!(kinds(&failed), (true, true), "{failed:?}");
    let patience = Duration::from_secs(20);
    let mut failed = Vec::new();
    for image in &images {
        failed.push(image::obtainable(&daemon, image, &nobody(), patience).await.expect_err("not to be had"));
    }
    assert_eq!(kinds(&failed), (true, true), "{failed:?}");
}

async fn private(daemon: Daemon) {
    let mut registry = Registry::start().await;
    registry.publish("x:1").await;
    registry.lock().await;
    let image = registry.image("x:1");
    let host = format!("127.0.0.1:{}", registry.port);
    let credentials = |password: &str| {
        let config = serde_json::json!({"auths": {&host: {"username": "me", "password": password}}});
        write(&registry.folder.path().join("config.json"), &config.to_string());
        let folder = registry.folder.path().to_str().expect("plain text").to_owned();
        Credentials::from_lookup(move |name| (name == "DOCKER_CONFIG").then(|| folder.clone()))
    };
    for credentials in [nobody(), credentials("wrong")] {
        let patience = Duration::from_secs(20);
        let refused = image::obtainable(&daemon, &image, &credentials, patience).await.expect_err("a stranger");
        assert!(matches!(&refused, Error::Unauthorized { registry, .. } if *registry == host), "{refused:?}");
        assert!(refused.hint().is_some_and(|hint| hint.contains(&format!("docker login {host}"))));
        let images = [image.clone()];
        let refused = image::pull(&daemon, &images, &credentials, &|_, _| {}).await.expect_err("a stranger");
        assert!(matches!(refused.as_slice(), [Error::Unauthorized { .. }]), "{refused:?}");
    }
    image::pull(&daemon, &[image], &credentials(PASSWORD), &|_, _| {}).await.expect("one who may");
}

/// Hands bytes on, slowly.
async fn slow_door(to: u16) -> u16 {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut server = tokio::net::TcpStream::connect(("127.0.0.1", to)).await?;
                let (mut from_client, mut to_client) = client.split();
                let (mut from_server, mut to_server) = server.split();
                let back = async {
                    let mut buffer = vec![0; 64 << 10];
                    loop {
                        let read = from_server.read(&mut buffer).await?;
                        if read == 0 {
                            return to_client.shutdown().await;
                        }
                        to_client.write_all(&buffer[..read]).await?;
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                };
                tokio::try_join!(tokio::io::copy(&mut from_client, &mut to_server), back)
            });
        }
    });
    port
}

async fn interrupted(daemon: Daemon) {
    let registry = Registry::start().await;
    registry.publish("x:1").await;
    let image = registry.at(slow_door(registry.port).await, "x:1");
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let progress = move |_: &str, progress: &Progress| tell.send(*progress).unwrap_or_default();
    {
        let images = [image.clone()];
        let credentials = nobody();
        let mut pull = Box::pin(image::pull(&daemon, &images, &credentials, &progress));
        loop {
            tokio::select! {
                ended = &mut pull => panic!("too quick to be interrupted: {ended:?}"),
                Some(progress) = told.recv() => if progress.downloaded > 1 << 20 { break },
            }
        }
        // As with Ctrl-C.
    }
    assert_eq!(image::missing(&daemon, std::slice::from_ref(&image)).await.expect("an answer"), [image.as_str()]);
    let heard = pulled(&daemon, &image).await.expect("it goes on");
    assert_eq!(heard.last().map(|progress| progress.phase), Some(Phase::Done));
}
