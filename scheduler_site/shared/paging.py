"""Paging of REST lists: {count, next, previous, results}, 50 a page, at most 500."""

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 500
