//! `sqlx::migrate!` embeds the migrations; cargo does not see them change by itself.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
