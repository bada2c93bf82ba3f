"""What only the people pages write."""

from django import template

from people.browsers import browser

register = template.Library()
register.filter("browser", browser)
