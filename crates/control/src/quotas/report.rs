//! What was used over time: `GET /api/tenants/{id}/quota/analytics` for programs, `…/quota/report` as a table.

use std::collections::BTreeMap;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::history::{Granularity, filled, forecast, grouped};
use super::http::ask;
use super::store::{self, Day};
use super::{no_application, percent};
use crate::access::Permission;
use crate::change::View;
use crate::error::Error;
use crate::http::Api;
use crate::http::caller::{Caller, Id};
use crate::http::query::Asked;
use crate::http::reply::Reply;
use crate::ids::TenantId;

/// Days that are shown, unless the request says otherwise.
const DAYS_DEFAULT: i64 = 30;
/// Days that are shown at most.
const DAYS_MAX: i64 = 800;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(analytics)).routes(routes!(report))
}

/// Which days.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
struct Range {
    /// The first day, like 2026-01-31; 30 days before the last if left out.
    #[param(value_type = Option<String>)]
    start_date: Option<Date>,
    /// The last day; today (UTC) if left out.
    #[param(value_type = Option<String>)]
    end_date: Option<Date>,
    /// `day` (the default), `week` or `month`.
    granularity: Option<Granularity>,
}

/// Which report.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `csv` (the default) or `json`.
    format: Option<Format>,
    /// `daily`, `weekly` or `monthly` (the default).
    period: Option<Period>,
    /// The first day; a year before the last if left out.
    #[param(value_type = Option<String>)]
    start_date: Option<Date>,
    /// The last day; today (UTC) if left out.
    #[param(value_type = Option<String>)]
    end_date: Option<Date>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ReportFormat)]
enum Format {
    #[default]
    Csv,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ReportPeriod)]
enum Period {
    Daily,
    Weekly,
    #[default]
    Monthly,
}

impl Period {
    fn granularity(self) -> Granularity {
        match self {
            Self::Daily => Granularity::Day,
            Self::Weekly => Granularity::Week,
            Self::Monthly => Granularity::Month,
        }
    }
}

/// A series for each resource.
type Series = BTreeMap<String, Vec<Day>>;

#[utoipa::path(get, path = "/{id}/quota/analytics", tag = "quotas", operation_id = "quotaAnalytics", params(("id" = TenantId, Path), Range),
    responses((status = 200, description = "`trends` (for each date `usage`, `peak` and `percentages` by resource) \
        and `forecast` (for each resource `projectedDate`, `daysUntilLimit` and `growthRate` in units a day)")))]
async fn analytics(caller: Caller, Id(tenant): Id, Asked(range): Asked<Range>) -> Result<Reply, Error> {
    let today = today();
    let (from, to) = bounds(range.start_date, range.end_date, DAYS_DEFAULT, today)?;
    let series = read(&caller, tenant, from, to, today).await?;
    let mut dates: BTreeMap<Date, [Map<String, Value>; 3]> = BTreeMap::new();
    let mut ahead = Map::new();
    for (resource, days) in &series {
        for day in grouped(days, range.granularity.unwrap_or_default()) {
            let [usage, peak, percentages] = dates.entry(day.day).or_default();
            usage.insert(resource.clone(), json!(day.used));
            peak.insert(resource.clone(), json!(day.peak));
            percentages.insert(resource.clone(), json!(percent(day.used, day.max)));
        }
        let found = forecast(days);
        let date = found.days.zip(days.last()).and_then(|(n, last)| last.day.checked_add(n.days()).ok());
        let line = json!({ "projectedDate": date, "daysUntilLimit": found.days, "growthRate": found.growth });
        ahead.insert(resource.clone(), line);
    }
    let mut trends = Vec::new();
    for (date, [usage, peak, percentages]) in dates {
        trends.push(json!({ "date": date, "usage": usage, "peak": peak, "percentages": percentages }));
    }
    Reply::json(StatusCode::OK, &json!({ "trends": trends, "forecast": ahead }))
}

#[utoipa::path(get, path = "/{id}/quota/report", tag = "quotas", operation_id = "quotaReport", params(("id" = TenantId, Path), Wanted),
    responses((status = 200, description = "A line for each period and resource: period, resource, limit, used at its \
        end, peak, percentUsed", content_type = "text/csv")))]
async fn report(caller: Caller, Id(tenant): Id, Asked(wanted): Asked<Wanted>) -> Result<Response, Error> {
    let today = today();
    let (from, to) = bounds(wanted.start_date, wanted.end_date, 365, today)?;
    let series = read(&caller, tenant, from, to, today).await?;
    let granularity = wanted.period.unwrap_or_default().granularity();
    let mut lines: Vec<(Date, &str, Day)> = Vec::new();
    for (resource, days) in &series {
        lines.extend(grouped(days, granularity).into_iter().map(|day| (day.day, resource.as_str(), day)));
    }
    lines.sort_by_key(|(date, resource, _)| (*date, *resource));
    if wanted.format.unwrap_or_default() == Format::Json {
        let items: Vec<Value> = lines.iter().map(row).collect();
        return Ok(Reply::json(StatusCode::OK, &json!({ "items": items }))?.into_response());
    }
    let name = format!("attachment; filename=\"quota-{tenant}-{from}-{to}.csv\"");
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((StatusCode::OK, headers, csv(&lines)).into_response())
}

fn row((date, resource, day): &(Date, &str, Day)) -> Value {
    json!({ "period": date, "resource": resource, "limit": day.max, "used": day.used, "peak": day.peak,
        "percentUsed": percent(day.used, day.max) })
}

/// Names of resources hold letters, digits and `_`: nothing has to be quoted, and nothing is a formula.
fn csv(lines: &[(Date, &str, Day)]) -> String {
    let mut text = String::from("period,resource,limit,used,peak,percentUsed\r\n");
    for (date, resource, day) in lines {
        let limit = day.max.map_or_else(String::new, |n| n.to_string());
        let part = percent(day.used, day.max).map_or_else(String::new, |p| format!("{p:.2}"));
        text.push_str(&format!("{date},{resource},{limit},{},{},{part}\r\n", day.used, day.peak));
    }
    text
}

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// From the first day to the last, in order, bounded, and not of the future.
fn bounds(start: Option<Date>, end: Option<Date>, days: i64, today: Date) -> Result<(Date, Date), Error> {
    let to = end.unwrap_or(today);
    let from = match start {
        Some(from) => from,
        None => to.checked_sub((days - 1).days()).map_err(|_| Error::field("endDate", "give a day like 2026-01-31"))?,
    };
    if to > today {
        return Err(Error::field("endDate", format!("give today, {today}, or a day before")));
    }
    if from > to {
        return Err(Error::field("startDate", "give a day that is not after endDate"));
    }
    let length = from.until(to).map(|span| i64::from(span.get_days())).unwrap_or(i64::MAX);
    if length >= DAYS_MAX {
        return Err(Error::field("startDate", format!("give at most {DAYS_MAX} days")));
    }
    Ok((from, to))
}

/// Every resource's days; today as it is at this moment.
async fn read(caller: &Caller, tenant: TenantId, from: Date, to: Date, today: Date) -> Result<Series, Error> {
    let granted = caller.on_tenant(Permission::QuotaRead, tenant).await?;
    let application = caller.api().quotas().application().ok_or_else(no_application)?;
    let view = View::begin(caller.db(), &granted).await?;
    let mut known = store::days(view.tx(), tenant, from, to).await?;
    drop(view);
    if to == today {
        for (resource, counter) in ask(application, tenant).await?.1 {
            let days = known.entry(resource).or_default();
            let noted = days.pop_if(|last| last.day == today);
            let peak = noted.map_or(counter.used, |n| n.peak.max(counter.used));
            days.push(Day { day: today, used: counter.used, peak, max: counter.max });
        }
    }
    Ok(known.into_iter().map(|(resource, days)| (resource, filled(&days, from, to))).collect())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_that_are_none() {
        let today = date(2026, 3, 1);
        let at = |start: Option<Date>, end: Option<Date>| {
            bounds(start, end, 30, today).map(|(from, to)| (from.to_string(), to.to_string()))
        };
        assert_eq!(at(None, None).unwrap(), ("2026-01-31".to_owned(), "2026-03-01".to_owned()));
        assert!(at(None, Some(date(2026, 3, 2))).is_err(), "the future");
        assert!(at(Some(date(2026, 3, 1)), Some(date(2026, 2, 1))).is_err(), "backwards");
        assert!(at(Some(date(2020, 1, 1)), None).is_err(), "too long");
        assert!(at(None, Some(Date::MIN)).is_err());
        assert!(at(Some(Date::MIN), None).is_err());
    }

    #[test]
    fn a_table_has_a_line_for_each_period_and_resource() {
        let day = Day { day: date(2026, 1, 1), used: 1, peak: 2, max: Some(3) };
        let lines = [(day.day, "segments", day), (day.day, "users", Day { max: None, ..day })];
        assert_eq!(
            csv(&lines),
            "period,resource,limit,used,peak,percentUsed\r\n2026-01-01,segments,3,1,2,33.33\r\n2026-01-01,users,,1,2,\r\n"
        );
    }
}
