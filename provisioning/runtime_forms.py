"""What the page of the runtimes takes in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from provisioning.registry import Wish


class RuntimeForm(forms.Form):
    """A runtime as a curator wants it; what is empty stays as it is."""

    name = forms.CharField(max_length=40)
    language = forms.CharField(max_length=40, required=False)
    description = forms.CharField(max_length=200, required=False)
    look = forms.CharField(max_length=2000, required=False, strip=False)
    from_stdin = forms.CharField(max_length=200, required=False)
    from_file = forms.CharField(max_length=200, required=False)
    entry = forms.CharField(max_length=40, required=False)
    sha256 = forms.CharField(max_length=64, required=False)
    file = forms.FileField(required=False)

    @contextmanager
    def wish(self) -> Iterator[Wish]:
        """The wish, with what was uploaded as a file for as long as the block lasts."""
        data = dict(self.cleaned_data)
        upload: UploadedFile[Any] | None = data.pop("file")
        if upload is None:
            yield Wish(**data)
            return
        name = upload.name or "upload"
        folder = Path(settings.COWWEB_DATA)
        with NamedTemporaryFile(dir=folder, suffix=Path(name).suffix, prefix=".runtime-") as kept:
            for piece in upload.chunks():
                kept.write(piece)
            kept.flush()
            yield Wish(**data, file=Path(kept.name), file_name=name)
