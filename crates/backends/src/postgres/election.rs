//! The office of the leader in one row. Each step is a compare-and-swap on the count of all steps, which a mark shows beside
//! the store's incarnation, so that no mark returns in a store that begins anew. No clock takes part.

use async_trait::async_trait;
use ledger::port::Result;
use ledger::port::election::{Election, Office};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Postgres;
use super::fault::Fault;
use super::link::Parameter;
use super::rows::{self, get};

const LOOK: &str =
    "SELECT o.holder, o.epoch, s.incarnation || '-' || o.step FROM @.office o, @.store s";
const TAKE_NEW: &str = "WITH taken AS (
        INSERT INTO @.office (holder, epoch, step) VALUES ($1, 1, 1) ON CONFLICT DO NOTHING RETURNING *
    ) SELECT t.holder, t.epoch, s.incarnation || '-' || t.step FROM taken t, @.store s";
const TAKE_OVER: &str =
    "UPDATE @.office o SET holder = $1, epoch = o.epoch + 1, step = o.step + 1 FROM @.store s
    WHERE s.incarnation || '-' || o.step = $2 AND o.epoch = $3 AND o.holder IS NOT DISTINCT FROM $4
    RETURNING o.holder, o.epoch, s.incarnation || '-' || o.step";
const RENEW: &str = "UPDATE @.office o SET step = o.step + 1 FROM @.store s
    WHERE s.incarnation || '-' || o.step = $1 AND o.epoch = $2 AND o.holder = $3
    RETURNING o.holder, o.epoch, s.incarnation || '-' || o.step";
const RESIGN: &str = "UPDATE @.office o SET holder = NULL, step = o.step + 1 FROM @.store s
    WHERE s.incarnation || '-' || o.step = $1 AND o.epoch = $2 AND o.holder = $3";

impl Postgres {
    async fn office(
        &self,
        doing: &'static str,
        sql: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Option<Office>> {
        let office = async {
            let rows = self.ask(sql, parameters).await?;
            rows.first().map(office).transpose()
        };
        office
            .await
            .map_err(|fault: Fault| fault.while_it_should(doing))
    }
}

fn office(row: &Row) -> std::result::Result<Office, Fault> {
    Ok(Office {
        holder: get(row, 0)?,
        epoch: rows::number(row, 1)?,
        mark: get(row, 2)?,
    })
}

#[async_trait]
impl Election for Postgres {
    async fn look(&self) -> Result<Option<Office>> {
        self.office("look at the office", LOOK, &[]).await
    }

    async fn take(&self, me: &str, over: Option<&Office>) -> Result<Option<Office>> {
        let doing = "take the office";
        let Some(over) = over else {
            return self.office(doing, TAKE_NEW, &[(&me, Type::TEXT)]).await;
        };
        let epoch = over.epoch.cast_signed();
        let parameters: &[Parameter<'_>] = &[
            (&me, Type::TEXT),
            (&over.mark, Type::TEXT),
            (&epoch, Type::INT8),
            (&over.holder, Type::TEXT),
        ];
        self.office(doing, TAKE_OVER, parameters).await
    }

    async fn renew(&self, mine: &Office) -> Result<Option<Office>> {
        let epoch = mine.epoch.cast_signed();
        let parameters: &[Parameter<'_>] = &[
            (&mine.mark, Type::TEXT),
            (&epoch, Type::INT8),
            (&mine.holder, Type::TEXT),
        ];
        self.office("renew the office", RENEW, parameters).await
    }

    async fn resign(&self, mine: &Office) -> Result<()> {
        let epoch = mine.epoch.cast_signed();
        let parameters: &[Parameter<'_>] = &[
            (&mine.mark, Type::TEXT),
            (&epoch, Type::INT8),
            (&mine.holder, Type::TEXT),
        ];
        self.office("give the office back", RESIGN, parameters)
            .await
            .map(drop)
    }
}
