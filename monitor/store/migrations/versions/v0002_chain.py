"""Give records a chain, keep custody log, anchors and time-stamps, and say what is sealed.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    with op.batch_alter_table("captures") as captures:
        captures.alter_column("alert", existing_type=sa.Integer(), nullable=True)
        captures.alter_column("revision", existing_type=sa.Integer(), nullable=True)
        captures.add_column(sa.Column("chain_index", sa.Integer(), nullable=True))
        captures.add_column(sa.Column("previous_sha256", sa.Text(), nullable=True))
        captures.add_column(sa.Column("answer", sa.Text(), nullable=True))
        captures.add_column(sa.Column("clues", sa.JSON(none_as_null=True), nullable=True))
        captures.create_unique_constraint("uq_captures_school_id_chain_index", ["school_id", "chain_index"])
    for name in ("posts", "revisions"):
        # What is there already was not sealed. No batch: SQLite would write the largest tables anew.
        op.add_column(name, sa.Column("sealed", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("revisions", sa.Column("named", sa.JSON(none_as_null=True), nullable=True))
    op.create_index(
        "ix_posts_sensitive",
        "posts",
        ["platform"],
        unique=False,
        sqlite_where=sa.text("sensitive = 1"),
        postgresql_where=sa.text("sensitive"),
    )
    op.create_table(
        "custody",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("school_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deed", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("alert", sa.Integer(), nullable=True),
        sa.Column("capture", sa.String(26), nullable=True),
        sa.Column("object_sha256", sa.Text(), nullable=False),
        sa.Column("previous_sha256", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_custody"),
        sa.UniqueConstraint("school_id", "number", name="uq_custody_school_id_number"),
    )
    op.create_index("ix_custody_capture", "custody", ["capture"], unique=False)
    op.create_table(
        "anchors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("school_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_anchors"),
        sa.UniqueConstraint("school_id", "number", name="uq_anchors_school_id_number"),
    )
    op.create_table(
        "stamps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("anchor", sa.Integer(), nullable=False),
        sa.Column("school_id", sa.String(64), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("certificates", sa.Text(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("stamped_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["anchor"], ["anchors.id"], name="fk_stamps_anchor_anchors"),
        sa.PrimaryKeyConstraint("id", name="pk_stamps"),
        sa.UniqueConstraint("anchor", "authority", name="uq_stamps_anchor_authority"),
    )
    op.create_index(
        "ix_stamps_waiting",
        "stamps",
        ["next_try_at"],
        unique=False,
        sqlite_where=sa.text("state <> 'ok'"),
        postgresql_where=sa.text("state <> 'ok'"),
    )
