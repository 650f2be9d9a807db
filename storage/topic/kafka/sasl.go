package kafka

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// SASL says how to log in.
type SASL struct {
	Mechanism      string // "": none; PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, in any case
	User, Password string
	// OAUTHBEARER takes Token, or asks TokenURL for one whenever it needs it, with
	// User and Password as the client's id and secret (RFC 6749, section 4.4).
	Token, TokenURL, Scope string
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	name := strings.ToUpper(s.Mechanism)
	switch name {
	case "":
		return nil, nil
	case "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512":
		if s.User == "" {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "SASL mechanism %s needs a user name", name)
		}
	case "OAUTHBEARER":
		if s.Token == "" && s.TokenURL == "" {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "SASL mechanism OAUTHBEARER needs a token or the URL of a token endpoint")
		}
		return oauth.Oauth(s.bearer), nil
	}
	switch name {
	case "PLAIN":
		return plain.Auth{User: s.User, Pass: s.Password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.User, Pass: s.Password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.User, Pass: s.Password}.AsSha512Mechanism(), nil
	}
	return nil, sqlerr.New(sqlerr.InvalidParameterValue, "SASL mechanism %q is not known", s.Mechanism).
		WithHint("It can be PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER.")
}

func (s SASL) bearer(ctx context.Context) (oauth.Auth, error) {
	if s.TokenURL == "" {
		return oauth.Auth{Token: s.Token}, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if s.Scope != "" {
		form.Set("scope", s.Scope)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return oauth.Auth{}, sqlerr.New(sqlerr.InvalidParameterValue, "the URL of the token endpoint is not usable: %v", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(s.User), url.QueryEscape(s.Password))
	client := http.Client{Timeout: requestTime}
	resp, err := client.Do(req)
	if err != nil {
		return oauth.Auth{}, sqlerr.New(sqlerr.ConnectionFailure, "the token endpoint does not answer: %v", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return oauth.Auth{}, sqlerr.New(sqlerr.ConnectionFailure, "the token endpoint does not answer: %v", err)
	}
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Token == "" {
		return oauth.Auth{}, sqlerr.New(sqlerr.InvalidAuthorization, "the token endpoint gives no token: %s %s", resp.Status, answer.Error)
	}
	return oauth.Auth{Token: answer.Token}, nil
}
