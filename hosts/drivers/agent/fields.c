// Numbers and fields as they come in a frame.
#include <string.h>

#include "agent.h"

uint32_t get32(const void *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, 4);
	return value;
}

void put32(void *bytes, uint32_t value)
{
	memcpy(bytes, &value, 4);
}

bool next_field(struct span *fields, struct field *field)
{
	if (fields->left < 5 || get32(fields->at + 1) > fields->left - 5)
		return false;
	*field = (struct field){(char)fields->at[0], get32(fields->at + 1), (const char *)fields->at + 5};
	fields->at += 5 + field->length;
	fields->left -= 5 + field->length;
	return true;
}

bool field_text(struct field *field, char *text, size_t size)
{
	if (field->length >= size || memchr(field->bytes, 0, field->length))
		return false;
	memcpy(text, field->bytes, field->length);
	text[field->length] = 0;
	return true;
}
