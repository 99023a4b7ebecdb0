//! All of account's SQL.

use kit::database::Pool;
use kit::{crash, database};
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::domain::{Account, Email, Name};

pub(crate) static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The constraint that makes an address belong to one account, whoever else asks for it at the same time.
const EMAIL_CONSTRAINT: &str = "accounts_email_key";

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the e-mail address has an account already")]
    EmailTaken,
    #[error("account store: {0}")]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match database::unique_violation(&error) {
            Some(EMAIL_CONSTRAINT) => Self::EmailTaken,
            Some(_) | None => Self::Database(error),
        }
    }
}

/// An account with the hash its password is verified against.
pub(crate) struct Credentials {
    pub account: Account,
    pub password_hash: String,
}

#[derive(Clone)]
pub(crate) struct Store {
    pool: Pool,
}

impl Store {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    pub(crate) async fn insert(&self, name: &Name, email: &Email, password_hash: &str) -> Result<Account, Error> {
        crash::point("register-before-insert");
        let row = sqlx::query(
            "INSERT INTO accounts (name, email, email_key, password_hash) VALUES ($1, $2, $3, $4)
             RETURNING id, name, email",
        )
        .bind(name.as_str())
        .bind(email.as_str())
        .bind(email.key())
        .bind(password_hash)
        .fetch_one(&self.pool)
        .await?;
        crash::point("register-after-insert");
        Ok(account(&row)?)
    }

    pub(crate) async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, Error> {
        let row = sqlx::query("SELECT id, name, email, password_hash FROM accounts WHERE email_key = $1")
            .bind(email.key())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok(Credentials { account: account(&row)?, password_hash: row.try_get("password_hash")? }))
            .transpose()
    }

    pub(crate) async fn account(&self, id: i64) -> Result<Option<Account>, Error> {
        let row = sqlx::query("SELECT id, name, email FROM accounts WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok(account(&row)?)).transpose()
    }
}

fn account(row: &PgRow) -> Result<Account, sqlx::Error> {
    Ok(Account { id: row.try_get("id")?, name: row.try_get("name")?, email: row.try_get("email")? })
}
