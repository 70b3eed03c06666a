//! A GitHub made of rules; knows nobody in the house.
