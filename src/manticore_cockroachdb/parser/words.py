"""Sets of words that decide what a token is in a statement."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


OPERATOR = frozenset("+-*/<>=~!@#%^&|`?")

# After these an operand must follow, so a word there cannot end the expression.
BINDS = words(
    """
    :: ::: . and or not is in like ilike similar between from to at collate escape when then else
    case operator
    """
)

# At these an expression ends, whatever they follow.
CLOSES = frozenset(("", ",", ")", "]"))

# Keywords, types and index methods that a parenthesis may follow without a call.
NOT_CALLED = words(
    """
    all and any array as between by check columns conflict cube default distinct else except exists
    family filter foreign from group grouping having ilike in include index intersect is join key
    lateral like limit materialized not null offset on only or order over primary range references
    returning row rows select set sets similar some storing table then union unique update using
    value values when where window with within explain

    bit char character dec decimal float interval nchar numeric string time timestamp timestamptz
    timetz varbit varchar varying

    btree hash gist spgist gin brin
    """
)
NAMED_NOT_CALLED = words("table into references index exists")

# Written in upper case where a part of a statement is kept as text.
KEYWORDS = words(
    """
    access add admin after all alter always analyze and as at attach attribute before by cache
    cascade check cluster column columns comment compression configure connect constraint control
    copy create createdb createlogin createrole current_role current_user cycle data database
    default default_placement deferrable deferred delete depends detach disable discard drop each
    enable encoding enforced exclude execute exists experimental_audit experimental_relocate
    expression extension external false finalize first for force foreign from function functions
    generated global grant group identity if immediate in including increment index inherit
    initially inject insert inherits into invisible is key large last lease level limit locality
    logged login maintain match materialized maxvalue method minvalue modify no nologin none not
    null nulls of off on only operator option options or owned owner parent partition partitions
    password per placement preserve primary privileges procedure procedures public publication
    read references refresh region regions relocate rename replace replica replication reset
    restart restrict restricted returning revoke role routine routines row rules scatter schema
    schemas secondary security select sequence sequences server session session_user set split
    start statistics storage stored super survive system table tables tablespace temporary to
    trigger true truncate type types unique unlogged unsplit until update usage user using valid
    validate value values version view virtual visibility visible voters where with without write
    zone
    """
)

TIMES = words("time timestamp timetz timestamptz")
INTERVAL_FIELDS = words("year month day hour minute second")
BUILT_IN_TYPES = words(
    """
    aclitem bigint bigserial bit bool boolean box box2d bpchar bytea bytes char character cidr
    circle date datemultirange daterange dec decimal double float float4 float8 geography geometry
    halfvec hstore inet int int2 int2vector int4 int4multirange int4range int64 int8 int8multirange
    int8range integer interval json jsonb jsonpath line lseg ltree macaddr macaddr8 money name
    national nchar numeric nummultirange numrange oid oidvector path pg_lsn point polygon real
    refcursor regclass regnamespace regproc regprocedure regrole regtype serial serial2 serial4
    serial8 smallint smallserial string text time timestamp timestamptz timetz tsmultirange tsquery
    tsrange tstzmultirange tstzrange tsvector txid_snapshot uuid varbit varchar vector xml
    """
)

# Words that end the expression of a column's DEFAULT, ON UPDATE and the like.
COLUMN_QUALIFIERS = words(
    """
    not null constraint primary unique check default references collate generated deferrable
    initially on as family create identity virtual stored options
    """
)
