//! A dashboard that ends as its argument says, for the tests of what is left of the terminal then: `view` and `thread`
//! panic there, `error` ends with one, any other word is shown until it gets a signal.

use std::{io, thread, time::Duration};

use shopctl_tui::{Colours, Model, Options, Owner, run, terminal::Screen, view};
use tokio::sync::mpsc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let how = std::env::args().nth(1).unwrap_or_default();
    let options = Options { instance: "broken".into(), owner: Owner::Attached, colours: Colours::None, ascii: true };
    let mut screen = Screen::open()?;
    let mut model = Model::new(options, 80, 24);
    screen.draw(|frame| view(&model, frame))?;
    // The last frame before it breaks is seen.
    while screen.is_busy() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    match how.as_str() {
        "view" => screen.draw(|_| panic!("the view breaks"))?,
        "error" => return Err(io::Error::other("it ends with an error")),
        "thread" => drop(thread::spawn(|| panic!("a thread breaks"))),
        // A signal that comes before the loop does is none the worse for it.
        _ => thread::sleep(Duration::from_millis(100)),
    }
    // Nobody serves it.
    let ((_messages, mut received), (commands, _commanded)) = (mpsc::channel(1), mpsc::unbounded_channel());
    run::run(&mut model, &mut screen, &mut received, &commands).await
}
