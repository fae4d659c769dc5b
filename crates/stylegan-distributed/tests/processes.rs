//! Two processes, one of which dies: the other ends with a message and code 1, and does not wait.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use stylegan_distributed::{Launch, Meeting};

/// Which rank a child is, how it ends, and where the first rank listens: `1 dies 127.0.0.1:5000`.
const CHILD: &str = "STYLEGAN_TEST_RANK";

/// Not a test by itself: a rank, which waits for ever unless it is the one to die.
#[test]
fn child() {
    let Ok(what) = std::env::var(CHILD) else { return };
    let mut words = what.split(' ');
    let rank = words.next().unwrap().parse().unwrap();
    let launch = Launch { rank, size: 2, local_rank: rank, address: None };
    let (fate, address) = (words.next().unwrap(), words.next());
    let meeting = match address {
        Some(address) => Meeting::join(address, &launch).unwrap(),
        None => {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            println!("\nlistens at {}", listener.local_addr().unwrap());
            Meeting::host(&listener, &launch).unwrap()
        }
    };
    let watch = meeting.watch(|end| eprintln!("{end:?}"), || std::process::exit(1));
    let watch = watch.unwrap();
    match fate {
        "dies" => std::process::abort(),
        "fails" => watch.fail("the disk is full", || {}),
        _ => loop {
            std::thread::park();
        },
    }
}

fn start(what: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture"]).env(CHILD, what);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// What the survivor says, and its exit code, where rank 0 and rank 1 have these fates.
fn survivor(first: &str, second: &str) -> (String, Option<i32>) {
    let mut first = (start(&format!("0 {first}")), first == "lives");
    let mut lines = BufReader::new(first.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let said = lines.find_map(|line| line.strip_prefix("listens at ").map(str::to_owned));
    let second = (start(&format!("1 {second} {}", said.unwrap())), second == "lives");
    let mut found = None;
    for (rank, lives) in [first, second] {
        let output = rank.wait_with_output().unwrap();
        if lives {
            found = Some((String::from_utf8(output.stderr).unwrap(), output.status.code()));
        }
    }
    found.unwrap()
}

#[test]
fn the_death_of_a_rank_ends_the_first() {
    let (said, code) = survivor("lives", "dies");
    assert!(said.contains("Lost { rank: 1 }"), "{said}");
    assert_eq!(code, Some(1));
}

#[test]
fn the_death_of_the_first_ends_the_others() {
    let (said, code) = survivor("dies", "lives");
    assert!(said.contains("Lost { rank: 0 }"), "{said}");
    assert_eq!(code, Some(1));
}

#[test]
fn the_error_of_a_rank_is_told() {
    let (said, code) = survivor("lives", "fails");
    assert!(said.contains("Failed { rank: 1, reason: \"the disk is full\" }"), "{said}");
    assert_eq!(code, Some(1));
}
