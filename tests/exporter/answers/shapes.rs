//! Tests of JSON in every shape that an answer may have.

use wolkvox_exporter::wolkvox::ApiError;

use crate::answers::{answer, ask, row, told};

/// Fails unless each answer is read as stated; `$` in a body stands for a good row.
async fn assert_told(cases: &[(&str, &str, &str)]) {
    let mut wrong = Vec::new();
    for (status, body, expected) in cases {
        let body = body.replace('$', &row("A"));
        let read = ask(answer(status, "Content-Type: application/json\r\n", body.as_bytes())).await;
        if told(&read) != *expected {
            wrong.push(format!(
                "HTTP {status}, {body}: {} instead of {expected} ({read:?})",
                told(&read)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn an_envelope_is_recognised_or_refused() {
    assert_told(&[
        // The vendor's own shape, in all its spellings.
        (
            "200 OK",
            r#"{"code":"200","error":null,"msg":"1 records were found","data":[$]}"#,
            "ok A",
        ),
        ("200 OK", r#"{"code":200,"error":"","msg":"","data":[$]}"#, "ok A"),
        ("200 OK", r#"{"data":[$],"code":"0"}"#, "ok A"),
        ("200 OK", r#"{"code":"200","data":[]}"#, "ok"),
        ("200 OK", r#"{"code":"200","msg":"0 records were found","data":null}"#, "ok"),
        ("200 OK", r#"{"code":"200","msg":"0 records were found"}"#, "ok"),
        ("200 OK", r#"{"code":"200","data":{}}"#, "ok"),
        ("200 OK", r#"{"code":"200","data":$}"#, "ok A"),
        ("200 OK", r#"{"code":"200","data":{"0":$,"1":$}}"#, "ok A A"),
        ("200 OK", r#"{"code":"200","data":{"7":$}}"#, "ok A"),
        ("200 OK", r#"{"code":"404","msg":"Validate dates entered"}"#, "ok"),
        ("200 OK", r#"{"msg":"Validate dates entered","data":[]}"#, "ok"),
        // Ways to write that there is no error.
        ("200 OK", r#"{"code":"200","error":false,"data":[$]}"#, "ok A"),
        ("200 OK", r#"{"code":"200","error":0,"data":[$]}"#, "ok A"),
        ("200 OK", r#"{"code":"200","error":[],"data":[$]}"#, "ok A"),
        ("200 OK", r#"{"code":"200","error":{},"data":[$]}"#, "ok A"),
        ("200 OK", r#"{"code":"200","error":"null","data":[$]}"#, "ok A"),
        ("200 OK", r#"{"code":"200","error":"0","data":[$]}"#, "ok A"),
        ("200 OK", r#"{"code":"200","error":"[]","data":[$]}"#, "ok A"),
        // Unusual values of the other fields.
        ("200 OK", r#"{"code":"200","msg":["1 record"],"data":[$]}"#, "ok A"),
        ("200 OK", r#"{"code":"200","msg":{"rows":9},"data":[$]}"#, "ok A"),
        ("200 OK", r#"{"code":"200","msg":9,"data":[$]}"#, "ok A"),
        ("200 OK", r#"{"code":"200","msg":true,"data":[$]}"#, "ok A"),
        ("200 OK", r#"{"code":"200","msg":1.5e300,"data":[$]}"#, "ok A"),
        ("200 OK", r#"{"code":"200","msg":"\ud800","data":[$]}"#, "ok A"),
        ("200 OK", r#"{"code":"500","code":"200","data":[$]}"#, "ok A"),
        // Empty answers that are not in the vendor's words.
        ("200 OK", r#"{"code":"200"}"#, "schema"),
        ("200 OK", r#"{"code":"200","error":null}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":null}"#, "schema"),
        (
            "200 OK",
            r#"{"code":"200","msg":"Servicio ocupado, intente mas tarde","data":[]}"#,
            "schema",
        ),
        ("200 OK", r#"{"code":"200","msg":"Query timed out","data":null}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":[],"status":"warning"}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":[],"warnings":"partial data"}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":[],"count":7}"#, "truncated"),
        ("200 OK", r#"{"code":"200","data":[],"rows":[$]}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":[$],"rows":[$]}"#, "schema"),
        ("200 OK", r#"{"code":"200","msg":"0 of 7 records could be read","data":[]}"#, "truncated"),
        // Rows with fields or words that announce more rows.
        ("200 OK", r#"{"code":"200","data":[$],"page":1,"total_pages":7}"#, "truncated"),
        ("200 OK", r#"{"code":"200","data":[$],"has_more":true}"#, "truncated"),
        ("200 OK", r#"{"code":"200","data":[$],"pagination":{"total":7}}"#, "truncated"),
        ("200 OK", r#"{"code":"200","data":[$],"next":"https://x/2"}"#, "truncated"),
        ("200 OK", r#"{"code":"200","msg":"1 of 7 records","data":[$]}"#, "truncated"),
        (
            "200 OK",
            r#"{"code":"200","msg":"1 records were found","data":[$],"total":1,"next":null}"#,
            "ok A",
        ),
        // JSON that is not an answer.
        ("200 OK", "{}", "schema"),
        ("200 OK", r#"{"message":"Unauthorized"}"#, "schema"),
        ("200 OK", r#"{"msg":"Unauthorized"}"#, "schema"),
        ("200 OK", r#"{"error":"Unauthorized"}"#, "schema"),
        ("200 OK", r#"{"errors":[{"code":200,"detail":"x"}]}"#, "schema"),
        ("200 OK", r#"{"code":"200","error":["x"]}"#, "schema"),
        ("200 OK", r#"{"success":false}"#, "schema"),
        ("200 OK", r#"{"success":true,"data":[$]}"#, "schema"),
        ("200 OK", r#"{"code":"200","success":false,"data":[]}"#, "schema"),
        ("200 OK", r#"{"code":"200","status":"error","data":[$]}"#, "schema"),
        ("200 OK", r#"{"code":"200","message":"Unauthorized"}"#, "schema"),
        ("200 OK", r#"{"code":"200","msg":"Session expired"}"#, "schema"),
        ("200 OK", r#"{"data":[$]}"#, "schema"),
        ("200 OK", r#"{"code":null,"data":[$]}"#, "schema"),
        ("200 OK", r#"{"code":"OK","data":[$]}"#, "schema"),
        ("200 OK", r#"{"code":[200],"data":[$]}"#, "schema"),
        ("200 OK", r#"{"code":"200","rows":[$]}"#, "schema"),
        ("200 OK", r#"{"code":"200","Data":[$]}"#, "schema"),
        ("200 OK", r#"{"code":"200","result":{"data":[$]}}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":""}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":"[{}]"}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":false}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":0}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":{"rows":[$]}}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":{"data":[]}}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":{"error":"x"}}"#, "schema"),
        ("200 OK", r#"{"code":"200","data":{"0":$,"total":1}}"#, "schema"),
        ("200 OK", r#"{"code":"404","msg":"Validate dates entered","data":[$]}"#, "schema"),
        ("200 OK", r#"{"code":"404","msg":"Not found"}"#, "schema"),
        ("200 OK", r#"[{"code":"200","data":[$]}]"#, "schema"),
        ("200 OK", r#""{\"code\":200}""#, "schema"),
        ("200 OK", "null", "not_json"),
        ("200 OK", "", "not_json"),
        ("200 OK", "<html></html>", "not_json"),
        ("200 OK", "Warning: x in y\n{\"code\":200}", "not_json"),
        ("200 OK", r#"{"code":"200","data":[$]} trailing"#, "not_json"),
        ("200 OK", r#"{"code":"200","data":[$ $]}"#, "not_json"),
        ("200 OK", r#"{"code":"200","data":[{"rp_id":"10",}]}"#, "not_json"),
        ("200 OK", r#"{"code":"200","data":[$,{"rp_id":1]]}"#, "not_json"),
        // Refusals with the status of a success.
        ("200 OK", r#"{"code":"403","msg":"PLEASE VALIDATE TOKEN"}"#, "token_invalid"),
        ("200 OK", r#"{"code":"200","error":null,"msg":"PLEASE VALIDATE TOKEN"}"#, "token_invalid"),
        ("200 OK", r#"{"code":"200","error":"TOKEN LIMIT EXCEEDED"}"#, "quota_exhausted"),
        ("200 OK", r#"{"code":"500","msg":"x"}"#, "http_5xx"),
    ])
    .await;
}

#[tokio::test]
async fn a_status_is_what_it_says_in_the_vendors_words_only() {
    const WHOLE: &str = r#"{"code":"200","data":[$]}"#;
    assert_told(&[
        ("404 Not Found", r#"{"code":"404","error":null,"msg":"Validate dates entered"}"#, "ok"),
        ("404 Not Found", r#"{"code":"404","error":"Validate dates entered","msg":""}"#, "ok"),
        ("404 Not Found", "<html><head><title>404 Not Found</title></head></html>", "schema"),
        ("404 Not Found", r#"{"message":"no Route matched with those values"}"#, "schema"),
        ("404 Not Found", r#"{"code":"404","msg":"Not Found"}"#, "schema"),
        ("404 Not Found", "Validate dates entered", "schema"),
        ("404 Not Found", "{}", "schema"),
        ("404 Not Found", "", "schema"),
        ("404 Not Found", WHOLE, "schema"),
        (
            "404 Not Found",
            r#"{"code":"500","msg":"Error 0: tabla de registros bloqueada"}"#,
            "schema",
        ),
        (
            "404 Not Found",
            r#"{"msg":"Error 0x80004005: no se pueden leer los registros"}"#,
            "schema",
        ),
        ("404 Not Found", r#"{"msg":"SQLSTATE[00000]: records are locked"}"#, "schema"),
        (
            "404 Not Found",
            r#"{"code":"404","msg":"Validate dates entered","error":"the database is locked"}"#,
            "schema",
        ),
        ("410 Gone", WHOLE, "bad_request"),
        ("201 Created", WHOLE, "ok A"),
        ("203 Non-Authoritative Information", WHOLE, "ok A"),
        ("206 Partial Content", WHOLE, "truncated"),
        ("226 IM Used", r#"{"code":"226","data":[$]}"#, "ok A"),
        ("299 Strange", "<html>", "not_json"),
        ("202 Accepted", r#"{"message":"queued"}"#, "schema"),
        (
            "401 Unauthorized",
            r#"{"code":"401","msg":"PLEASE ENTER THE WOLKVOX-TOKEN"}"#,
            "token_missing",
        ),
        ("403 Forbidden", r#"{"code":"403","msg":"PLEASE VALIDATE TOKEN"}"#, "token_invalid"),
        ("403 Forbidden", r#"{"code":"403","msg":"Backup in progress"}"#, "maintenance"),
        ("403 Forbidden", "<html>Request blocked</html>", "bad_request"),
        ("403 Forbidden", r#"{"message":"Forbidden"}"#, "bad_request"),
        ("403 Forbidden", "", "bad_request"),
        ("500 Internal Server Error", "", "http_5xx"),
        ("502 Bad Gateway", r#"{"code":"200","data":[]}"#, "http_5xx"),
        ("301 Moved Permanently", "", "bad_request"),
    ])
    .await;
}

#[tokio::test]
async fn rows_are_read_or_the_answer_fails() {
    let with = |field: &str, json: &str| {
        let row = row("A");
        let at = row.find(&format!("\"{field}\":")).expect("a field") + field.len() + 3;
        let end = at + row[at..].find([',', '}']).expect("an end");
        format!("{}{json}{}", &row[..at], &row[end..])
    };
    let many =
        |rows: &[&str]| format!(r#"{{"code":"200","msg":"OK","data":[{}]}}"#, rows.join(","));
    let good = row("A");
    for (body, expected) in [
        (many(&[&with("attempt", "[]")]), "ok A"),
        (many(&[&with("second_event", "{\"a\":1}")]), "ok A"),
        (many(&[&with("cod_opc_menu", "\"a\\ud83d\"")]), "ok a\u{fffd}"),
        (many(&[&with("cod_opc_menu", "\"X\",\"cod_opc_menu\":\"Y\"")]), "ok Y"),
        (many(&[&with("cod_opc_menu", "\"1032456789\"")]), "ok number"),
        (many(&[&with("date", "\"2026-11-25T16:00:00\"")]), "ok A"),
        (many(&[&with("date", "\"2026-11-25T16:00:00Z\"")]), "ok A"),
        (many(&[&with("date", "\"2026-11-25T16:00:00.5-05:00\"")]), "ok A"),
        (many(&[&with("date", "\"2026-11-25 16:00\"")]), "ok A"),
        (many(&[&good, &with("date", "\"x\"")]), "ok A"),
        (many(&[&good, "\"TOTAL\""]), "ok A"),
        (many(&[&good, r#"{"rp_id":"","conn_id":"","channel":"TOTAL"}"#]), "ok A"),
        (many(&[r#"{"rp_id":"","conn_id":"","channel":"TOTAL"}"#]), "ok"),
        (many(&[&good, &with("rp_id", "\"TOTAL\"")]), "ok A"),
        (many(&[&with("cod_opc_menu", "\"1\u{200b}\"")]), "ok 1"),
        (many(&[&with("cod_opc_menu", "\"300 123 4567\"")]), "ok number"),
        (many(&[&with("cod_opc_menu", "\"ana@example.com\"")]), "ok number"),
        (many(&[&with("date", "\"25/11/2026 16:00:00\"")]), "schema"),
        (many(&[&with("date", "\"11/25/2026 16:00\""), &with("date", "\"-\""), &good]), "schema"),
        (many(&[&with("date", "1795640000")]), "schema"),
        (many(&[&with("rp_id", "{\"id\":10}")]), "schema"),
        (many(&[r#"{"rpId":"10","connId":"6000.1","fecha":"2026-11-25 16:00:00"}"#]), "schema"),
        (many(&[r#"["10","6000.1"]"#, r#"["10","6000.2"]"#]), "schema"),
        (many(&["1", "2"]), "schema"),
        (many(&["null"]), "schema"),
    ] {
        let read = ask(answer("200 OK", "", body.as_bytes())).await;
        assert_eq!(told(&read), expected, "{body}: {read:?}");
    }
    let dmy = many(&[&with("date", "\"25/11/2026 16:00:00\"")]);
    let fault = ask(answer("200 OK", "", dmy.as_bytes())).await.expect_err("no date");
    assert_eq!(
        fault,
        ApiError::RowsRejected {
            rejected: 1,
            total: 1,
            field: "date",
            pattern: "99/99/9999 99:99:99".into()
        }
    );
    assert!(!fault.to_string().contains("2026"), "{fault}");
}
