CREATE TABLE account (id text PRIMARY KEY, owner text NOT NULL, country text DEFAULT 'NL', opened date, n int CHECK (n > 0),
  amount numeric(18,2) DEFAULT 0, note varchar(20), tags text[], CONSTRAINT pos CHECK (amount >= 0));
COMMENT ON TABLE account IS 'Accounts';
COMMENT ON COLUMN account.owner IS 'Who';
CREATE VIEW entry AS SELECT id, amount, note FROM account;
CREATE MATERIALIZED VIEW balance AS SELECT country, sum(amount) AS total FROM account GROUP BY country;
CREATE UNIQUE INDEX balance_key ON balance (country);
CREATE TABLE pair (a int, b int, c text, PRIMARY KEY (b, a));
