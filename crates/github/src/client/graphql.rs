//! GraphQL over [`Client::send`]: whole answers, answers with parts missing, and pages that shrink.

use quota::Lane;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Client;
use crate::error::Error;
use crate::graphql::{self, Answer, Pages, Peek};
use crate::request::Request;

impl Client {
    /// Asks a GraphQL query and takes nothing but a whole answer.
    ///
    /// # Errors
    /// As [`send`](Client::send); errors beside the data are an error that [says which](Error::graphql).
    pub async fn graphql<T: DeserializeOwned>(
        &self,
        lane: Lane,
        document: &'static str,
        variables: &Value,
    ) -> Result<Answer<T>, Error> {
        let answer = self.graphql_partial(lane, document, variables).await?;
        whole(answer, document, variables)
    }

    /// Asks a GraphQL query and takes data with errors beside them, which the caller has to look at: what they name is
    /// missing from the data. Data that were cut short are still an error.
    ///
    /// # Errors
    /// As [`send`](Client::send), and where there are no data at all.
    pub async fn graphql_partial<T: DeserializeOwned>(
        &self,
        lane: Lane,
        document: &'static str,
        variables: &Value,
    ) -> Result<Answer<T>, Error> {
        let response = self
            .send(lane, Request::graphql(document, variables))
            .await?;
        let (data, errors) = graphql::open(&response.request.subject(), &response.body)?;
        let cost = Peek::into(&response.body).cost.unwrap_or(1);
        Ok(Answer {
            data,
            date: response.date,
            cost,
            errors,
        })
    }

    /// Asks for one page of a list, as large as was good for `key` before, and smaller where GitHub cannot answer. Sets
    /// the variable `first`.
    ///
    /// # Errors
    /// As [`graphql`](Client::graphql); `is_too_large` only once a single item is too much.
    pub async fn graphql_page<T: DeserializeOwned>(
        &self,
        lane: Lane,
        document: &'static str,
        variables: &Value,
        pages: &Pages,
        key: &str,
    ) -> Result<Answer<T>, Error> {
        let answer = self
            .graphql_page_partial(lane, document, variables, pages, key)
            .await?;
        whole(answer, document, variables)
    }

    /// As [`graphql_page`](Client::graphql_page), but takes data with errors beside them, as
    /// [`graphql_partial`](Client::graphql_partial) does.
    ///
    /// # Errors
    /// As [`graphql_partial`](Client::graphql_partial); `is_too_large` only once a single item is too much.
    pub async fn graphql_page_partial<T: DeserializeOwned>(
        &self,
        lane: Lane,
        document: &'static str,
        variables: &Value,
        pages: &Pages,
        key: &str,
    ) -> Result<Answer<T>, Error> {
        let mut variables = variables.clone();
        loop {
            let size = pages.size(key);
            variables["first"] = size.into();
            match self.graphql_partial(lane, document, &variables).await {
                Ok(answer) => {
                    pages.went_well(key, size);
                    return Ok(answer);
                }
                Err(error) if error.is_too_large() => match pages.too_large(key, size) {
                    Some(smaller) => {
                        tracing::debug!(
                            key,
                            size,
                            smaller,
                            "a page was too much for GitHub; asking for less"
                        );
                    }
                    None => return Err(error),
                },
                Err(error) => return Err(error),
            }
        }
    }
}

/// The answer, if nothing is missing from it.
fn whole<T>(
    answer: Answer<T>,
    document: &'static str,
    variables: &Value,
) -> Result<Answer<T>, Error> {
    if answer.errors.is_empty() {
        return Ok(answer);
    }
    let subject = Request::graphql(document, variables).subject();
    Err(graphql::failed(&subject, answer.errors, true))
}
