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
