"""What all tables share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()
Big = BigInteger().with_variant(Integer, "sqlite")
