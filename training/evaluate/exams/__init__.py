"""Exams: pictures with their right answers, the shares of them that are read right, and sheets of those that are not."""
