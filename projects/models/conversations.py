"""People's conversations, as they were after the guards."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.encryption import EncryptedTextField, SealedModel, new_uid, readable
from portal.keyring import person
from projects.models.projects import Project
from projects.querysets import ConversationQuerySet, MessageQuerySet


class ShownConversations(models.Manager.from_queryset(ConversationQuerySet)):  # type: ignore[misc]
    """Without those that their owner deleted under a legal hold: they are kept, and nobody sees them any more."""

    def get_queryset(self) -> ConversationQuerySet:
        return super().get_queryset().filter(hidden_at__isnull=True)


class ShownMessages(models.Manager.from_queryset(MessageQuerySet)):  # type: ignore[misc]
    """Without those that gave way to others under a legal hold."""

    def get_queryset(self) -> MessageQuerySet:
        return super().get_queryset().filter(hidden_at__isnull=True)


class Conversation(SealedModel):
    """A person's thread of messages in a project."""

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="conversations")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    title = EncryptedTextField(_("title"), blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now)
    hidden_at = models.DateTimeField(null=True, editable=False)

    objects = ShownConversations()
    with_hidden = ConversationQuerySet.as_manager()
    owned_by = ("user_id",)

    class Meta:
        ordering = ["-updated_at", "-id"]
        indexes = [
            models.Index(fields=["user", "project", "-updated_at"], name="conversation_own"),
            # Retention looks for the oldest, and for the few that wait for the end of a hold.
            models.Index(fields=["project", "updated_at"], name="conversation_age"),
            models.Index(
                fields=["project", "hidden_at"],
                condition=models.Q(hidden_at__isnull=False),
                name="conversation_hidden",
            ),
        ]

    def __str__(self) -> str:
        return self.uid

    @property
    def encryption_owner(self) -> str:
        return person(self.user_id)

    @property
    def shown_title(self) -> str:
        """For lists: one that cannot be read takes nothing else along."""
        return str(readable(self, "title", _("(cannot be read)")))


class Message(SealedModel):
    """One message as it was after the guards. `withheld`: a guard kept the text, it is stored nowhere."""

    class Role(models.TextChoices):
        USER = "user", _("user")
        ASSISTANT = "assistant", _("assistant")

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    role = models.CharField(max_length=10, choices=Role.choices)
    content = EncryptedTextField(blank=True, default="")
    withheld = models.BooleanField(default=False)
    exchange = models.ForeignKey(
        "Exchange", null=True, on_delete=models.SET_NULL, related_name="messages"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    hidden_at = models.DateTimeField(null=True, editable=False)

    objects = ShownMessages()
    with_hidden = MessageQuerySet.as_manager()
    owned_by = ("conversation_id",)
    owned_through = "conversation"  # what says whose it is, for those who read many

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(
                fields=["hidden_at"],
                condition=models.Q(hidden_at__isnull=False),
                name="message_hidden",
            )
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.pk}"

    @property
    def encryption_owner(self) -> str:
        return self.conversation.encryption_owner
