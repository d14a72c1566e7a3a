"""Who acts as whom, and until when."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import portal.encryption


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_tokens"),
    ]

    operations = [
        migrations.CreateModel(
            name="Impersonation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "uid",
                    models.CharField(
                        default=portal.encryption.new_uid,
                        editable=False,
                        max_length=32,
                        unique=True,
                    ),
                ),
                ("session", models.CharField(editable=False, max_length=32)),
                ("reason", portal.encryption.EncryptedTextField(verbose_name="reason")),
                ("may_write", models.BooleanField(default=False, verbose_name="may write")),
                (
                    "started_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="started"),
                ),
                ("ends_at", models.DateTimeField(verbose_name="ends")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "ending",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("ended", "ended"),
                            ("expired", "expired"),
                            ("withdrawn", "withdrawn: a right or the session ended"),
                            ("signed_out", "signed out"),
                            ("replaced", "replaced by the next one"),
                        ],
                        max_length=12,
                        verbose_name="how it ended",
                    ),
                ),
                (
                    "admin",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="impersonations",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="platform admin",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="impersonated",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at__isnull", True)),
                        fields=("admin",),
                        name="impersonation_one_at_a_time",
                    )
                ],
            },
        ),
    ]
